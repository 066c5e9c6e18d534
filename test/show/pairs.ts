/** Pairs of users in direct rooms: what was acknowledged is what both have. */
import { setTimeout as pause } from 'node:timers/promises';
import { type ChatClient, fresh } from '../support/client.ts';
import type { Report } from './scenario.ts';

interface Pair {
  readonly room: string;
  readonly two: readonly [ChatClient, ChatClient];
  readonly sent: string[];
}

const PAUSE_MS = 1_500;

export class Pairs {
  readonly #pairs: readonly Pair[];

  private constructor(pairs: readonly Pair[]) {
    this.#pairs = pairs;
  }

  /** Each with the next. */
  static async open(clients: readonly ChatClient[]): Promise<Pairs> {
    const pairs: Pair[] = [];
    for (let i = 0; i + 1 < clients.length; i += 2) {
      const [a, b] = [clients[i], clients[i + 1]];
      if (a === undefined || b === undefined) continue;
      const { room } = await a.ask<{ room: string }>('dm:open', { user: b.user });
      pairs.push({ room, two: [a, b], sent: [] });
    }
    return new Pairs(pairs);
  }

  get posts(): number {
    return this.#pairs.reduce((sum, { sent }) => sum + sent.length, 0);
  }

  async talkUntil(end: number): Promise<void> {
    await Promise.all(
      this.#pairs.flatMap(({ room, two, sent }) =>
        two.map(async (client) => {
          while (Date.now() < end) {
            await pause(PAUSE_MS * (0.5 + Math.random()));
            const text = fresh('psst');
            await client.postSurely(room, text);
            sent.push(text);
          }
        }),
      ),
    );
  }

  async verify(name: string, report: Report): Promise<void> {
    const wrong: string[] = [];
    for (const { room, two, sent } of this.#pairs) {
      const logs = await Promise.all(two.map((client) => client.log(room)));
      const [a = [], b = []] = logs;
      const texts = a.flatMap(({ kind, text }) => (kind === 'text' && text !== undefined ? [text] : []));
      if (JSON.stringify(a) !== JSON.stringify(b)) wrong.push(`${room}: the two have different logs`);
      if (JSON.stringify(texts.toSorted()) !== JSON.stringify(sent.toSorted()))
        wrong.push(`${room}: ${texts.length} texts, ${sent.length} were acknowledged`);
      for (const client of two) {
        // Who was moved by the last reload is still given what came meanwhile.
        await client.reach(room, a.at(-1)?.seq ?? 0);
        if (JSON.stringify(client.texts(room)) !== JSON.stringify(texts))
          wrong.push(`${room}: ${client.user} was handed ${client.texts(room).length} of ${texts.length}`);
      }
    }
    report.same(`${name}: direct rooms that are not what the two said`, wrong, []);
  }
}
