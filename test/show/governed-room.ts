/** A room whose owner kicks, bans, mutes and promotes, while the others post: equal to a model at the end. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Message } from '../../src/protocol/words.ts';
import { type ChatClient, fresh } from '../support/client.ts';
import type { Report } from './scenario.ts';

interface Standing {
  role: 'member' | 'admin' | undefined;
  isBanned: boolean;
  isMuted: boolean;
}

const ACTS = ['remove', 'ban', 'pardon', 'mute', 'unmute', 'admin', 'member'] as const;
const PAUSE_MS = 150;
/** A mute that does not end by itself meanwhile. */
const LONG_MS = 86_400_000;

export class GovernedRoom {
  readonly #room = fresh('governed');
  readonly #owner: ChatClient;
  readonly #others: readonly ChatClient[];
  readonly #standings = new Map<string, Standing>();
  acts = 0;
  refused = 0;

  private constructor(owner: ChatClient, others: readonly ChatClient[]) {
    this.#owner = owner;
    this.#others = others;
  }

  static async open([owner, ...others]: readonly ChatClient[]): Promise<GovernedRoom> {
    if (owner === undefined) throw new Error('a room without anybody');
    const made = new GovernedRoom(owner, others);
    await owner.ask('room:create', { room: made.#room, kind: 'public' });
    for (const other of others) {
      await other.join(made.#room);
      made.#standings.set(other.user, { role: 'member', isBanned: false, isMuted: false });
    }
    return made;
  }

  async actUntil(end: number): Promise<void> {
    const posting = this.#others.map((other) => this.#postUntil(other, end));
    while (Date.now() < end) {
      await pause(PAUSE_MS);
      const other = this.#others[Math.floor(Math.random() * this.#others.length)];
      const act = ACTS[Math.floor(Math.random() * ACTS.length)];
      if (other !== undefined && act !== undefined) await this.#act(act, other.user);
    }
    await Promise.all(posting);
  }

  async verify(name: string, report: Report): Promise<void> {
    const { members } = await this.#owner.askSurely<{
      members: { user: string; role?: string; mutedUntil?: number }[];
    }>('room:members', { room: this.#room, limit: 200 });
    const seen = members
      .filter(({ user }) => user !== this.#owner.user)
      .map(({ user, role, mutedUntil }) => `${user} ${role} ${mutedUntil === undefined ? '' : 'muted'}`);
    const expected = [...this.#standings]
      .filter(([, { role }]) => role !== undefined)
      .map(([user, { role, isMuted }]) => `${user} ${role} ${isMuted ? 'muted' : ''}`);
    report.same(
      `${name} ${this.#room}: members are those of the model`,
      seen.toSorted(),
      expected.toSorted(),
    );
    for (const other of this.#others) {
      const { isBanned } = this.#standings.get(other.user) ?? {};
      if (isBanned !== true) continue;
      const reply = await other.requestSurely('room:join', { room: this.#room });
      report.claim(
        `${name} ${this.#room}: who is banned cannot join`,
        !reply.ok && reply.error.code === 'banned',
      );
    }
    const log = await this.#owner.log(this.#room);
    report.same(`${name} ${this.#room}: posts of those who might not`, silenced(log), []);
    report.same(`${name} ${this.#room}: entries given to those who were out`, this.#leaked(log), []);
  }

  /** What somebody who is out has of what came after the entry that says so. */
  #leaked(log: readonly Message[]): string[] {
    const ends = new Map<string, number>();
    for (const { seq, kind, data } of log) {
      if (kind !== 'system') continue;
      const { action, user = '' } = data as { action: string; user?: string };
      if (action === 'removed' || action === 'banned') ends.set(user, seq);
    }
    return this.#others
      .filter(({ user }) => this.#standings.get(user)?.role === undefined)
      .flatMap((other) =>
        other
          .messages(this.#room)
          .filter(({ seq }) => seq > (ends.get(other.user) ?? 0))
          .map(({ seq }) => `${seq} to ${other.user}`),
      );
  }

  async #act(act: (typeof ACTS)[number], user: string): Promise<void> {
    const standing = this.#standings.get(user);
    if (standing === undefined) return;
    const { role, isBanned } = standing;
    if (act === 'remove') {
      if (role === undefined) return;
      await this.#ask('member:remove', { user });
      standing.role = undefined;
    } else if (act === 'ban') {
      if (isBanned) return;
      await this.#ask('member:set', { user, banned: true });
      Object.assign(standing, { role: undefined, isBanned: true });
    } else if (act === 'pardon') {
      // Who is out comes back: pardoned, and a member anew.
      if (role !== undefined) return;
      if (isBanned) await this.#ask('member:set', { user, banned: false });
      await this.#ask('member:set', { user, role: 'member' });
      Object.assign(standing, { role: 'member', isBanned: false });
    } else if (act === 'mute' || act === 'unmute') {
      if (role === undefined || standing.isMuted === (act === 'mute')) return;
      await this.#ask('member:set', { user, mutedUntil: act === 'mute' ? Date.now() + LONG_MS : 0 });
      standing.isMuted = act === 'mute';
    } else if (role !== undefined && role !== act) {
      await this.#ask('member:set', { user, role: act });
      standing.role = act;
    }
    this.acts += 1;
  }

  /** One that was done before the answer was lost counts as done. */
  async #ask(event: string, object: object): Promise<void> {
    const reply = await this.#owner.requestSurely(event, { room: this.#room, ...object });
    if (reply.ok || (event === 'member:remove' && reply.error.code === 'not_found')) return;
    throw new Error(`${event} ${JSON.stringify(object)}: ${reply.error.code} ${reply.error.message}`);
  }

  async #postUntil(client: ChatClient, end: number): Promise<void> {
    while (Date.now() < end) {
      await pause(500 + Math.random() * 1_000);
      const object = { room: this.#room, id: fresh('g'), text: 'may I?' };
      const reply = await client.requestSurely('message:post', object);
      if (!reply.ok) this.refused += 1;
    }
  }
}

/** Texts of users who by the entries before were out, or muted. */
function silenced(log: readonly Message[]): string[] {
  const out = new Set<string>();
  const muted = new Set<string>();
  const wrong: string[] = [];
  for (const { seq, from, kind, data } of log) {
    if (kind === 'text' && (out.has(from) || muted.has(from))) wrong.push(`${seq} of ${from}`);
    if (kind !== 'system') continue;
    const { action, user = '', until = 0 } = data as { action: string; user?: string; until?: number };
    if (action === 'removed' || action === 'banned') out.add(user);
    else if (action === 'invited') out.delete(user);
    else if (action === 'muted' && until > 0) muted.add(user);
    else if (action === 'muted') muted.delete(user);
  }
  return wrong;
}
