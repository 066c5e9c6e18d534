/** Users who mark what they have read: at the end the room's state says the same as a model. */
import { setTimeout as pause } from 'node:timers/promises';
import type { RoomState } from '../../src/protocol/words.ts';
import type { ChatClient } from '../support/client.ts';
import type { Report } from './scenario.ts';

const PAUSE_MS = 2_000;

export class Reading {
  readonly #clients: readonly ChatClient[];
  readonly #roomOf: (client: number) => string;
  readonly #read = new Map<number, number>();
  marks = 0;

  constructor(clients: readonly ChatClient[], roomOf: (client: number) => string) {
    this.#clients = clients;
    this.#roomOf = roomOf;
  }

  async readUntil(end: number): Promise<void> {
    await Promise.all(
      this.#clients.map(async (client, i) => {
        const room = this.#roomOf(i);
        while (Date.now() < end) {
          await pause(PAUSE_MS * (0.5 + Math.random()));
          const seen = client.messages(room).at(-1)?.seq ?? 0;
          const upTo = Math.ceil(seen * Math.random());
          if (upTo === 0) continue;
          await client.askSurely('read', { room, seq: upTo });
          this.#read.set(i, Math.max(this.#read.get(i) ?? 0, upTo));
          this.marks += 1;
        }
      }),
    );
  }

  /** When everybody has everything. */
  async verify(name: string, report: Report): Promise<void> {
    const wrong: string[] = [];
    for (const [i, client] of this.#clients.entries()) {
      const room = this.#roomOf(i);
      const state = await client.askSurely<RoomState>('room:join', { room });
      const read = this.#read.get(i) ?? 0;
      const unread = client
        .messages(room)
        .filter(({ seq, kind, from }) => kind === 'text' && seq > read && from !== client.user).length;
      const seen = stateOf(state);
      if (seen !== `${read} ${unread}`) wrong.push(`${client.user}: ${seen} and not ${read} ${unread}`);
    }
    report.same(`${name}: read and unread that are not those of the model`, wrong, []);
  }
}

function stateOf({ read, unread }: RoomState): string {
  return `${read} ${unread}`;
}
