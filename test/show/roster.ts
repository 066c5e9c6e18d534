/** Who watches everybody: nobody flickers over kills and reloads, and who goes is told of. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ChatClient } from '../support/client.ts';
import type { Report } from './scenario.ts';

interface Change {
  readonly users: readonly { readonly user: string; readonly status: string }[];
}

/** How many of the crowd watch. */
const WATCHERS = 3;
/** A lease, a look, and what is told together. */
const LAG_MS = 20_000;

export class Roster {
  readonly #clients: readonly ChatClient[];
  readonly #watchers: readonly ChatClient[];
  /** Those who were said to be offline while they were never away for the grace time. */
  readonly #flickers: string[] = [];
  #isOver = false;
  told = 0;

  private constructor(clients: readonly ChatClient[]) {
    this.#clients = clients;
    this.#watchers = clients.slice(0, WATCHERS);
  }

  static async watch(clients: readonly ChatClient[]): Promise<Roster> {
    const roster = new Roster(clients);
    for (const watcher of roster.#watchers) {
      await roster.#online(watcher);
      watcher.socket.on('presence', ({ users }: Change) => {
        roster.told += 1;
        if (roster.#isOver) return;
        for (const { user, status } of users)
          if (status === 'offline')
            roster.#flickers.push(`${watcher.user} was told that ${user} is ${status}`);
      });
      // A watch is of one connection.
      watcher.socket.on(
        'welcome',
        () => void watcher.request('presence:watch', roster.#everybody).catch(() => {}),
      );
    }
    return roster;
  }

  async verify(name: string, graceMs: number, report: Report): Promise<void> {
    report.same(`${name}: people who flickered`, this.#flickers, []);
    this.#isOver = true;
    const [watcher] = this.#watchers;
    if (watcher === undefined) return;
    const leaving = this.#clients.filter((_, i) => i >= WATCHERS && i % 2 === 1);
    for (const client of leaving) client.close();
    const gone = new Set(leaving.map(({ user }) => user));
    const expected = this.#clients.map(({ user }) => `${user} ${gone.has(user) ? 'offline' : 'online'}`);
    const end = performance.now() + graceMs + LAG_MS;
    let seen = await this.#statuses(watcher);
    while (seen.join() !== expected.join() && performance.now() < end) {
      await pause(500);
      seen = await this.#statuses(watcher);
    }
    report.same(`${name}: who is there is who is there`, seen, expected);
  }

  get #everybody(): object {
    return { users: this.#clients.map(({ user }) => user) };
  }

  async #statuses(watcher: ChatClient): Promise<string[]> {
    const { users } = await watcher.askSurely<Change>('presence:watch', this.#everybody);
    const found = new Map(users.map(({ user, status }) => [user, status]));
    return this.#clients.map(({ user }) => `${user} ${found.get(user)}`);
  }

  async #online(watcher: ChatClient): Promise<void> {
    for (let i = 0; i < 50; i += 1) {
      const seen = await this.#statuses(watcher);
      if (seen.every((one) => one.endsWith(' online'))) return;
      await pause(200);
    }
    throw new Error('not everybody is online');
  }
}
