/**
 * Who is typing: told at most once a second of each user in a room, and taken back by itself when
 * nothing is heard for a while. Time comes in; what was heard may be late, doubled or lost.
 */
import { nameOf, type RoomId } from './identity.ts';

export interface TypingEvent {
  readonly room: string;
  readonly user: string;
  readonly on: boolean;
}

export interface TypingOptions {
  /** Users and rooms at once; more are not told. */
  readonly maxTyping: number;
  /** To the members here. */
  readonly tell: (room: RoomId, event: TypingEvent) => void;
}

interface State {
  readonly room: RoomId;
  readonly user: string;
  isOn: boolean;
  told: boolean;
  toldAt: number;
  heardAt: number;
  passedAt: number;
}

const APART_MS = 1_000;
/** Not heard of for so long: not typing any more. */
export const TYPING_MS = 6_000;

export class Typing {
  readonly #options: TypingOptions;
  readonly #states = new Map<string, State>();

  constructor(options: TypingOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#states.size;
  }

  /** True: other workers should hear of it too; they have, where the same was heard a moment ago. */
  heard(room: RoomId, user: string, on: boolean, now: number): boolean {
    const key = `${room} ${user}`;
    let state = this.#states.get(key);
    if (state === undefined) {
      if (!on || this.#states.size >= this.#options.maxTyping) return false;
      state = {
        room,
        user,
        isOn: true,
        told: false,
        toldAt: Number.NEGATIVE_INFINITY,
        heardAt: now,
        passedAt: Number.NEGATIVE_INFINITY,
      };
      this.#states.set(key, state);
    }
    const isNews = state.isOn !== on || now - state.passedAt >= APART_MS;
    state.isOn = on;
    state.heardAt = now;
    if (isNews) state.passedAt = now;
    this.#tell(state, now);
    return isNews;
  }

  /** Called several times a second. */
  tick(now: number): void {
    for (const [key, state] of this.#states) {
      if (state.isOn && now - state.heardAt >= TYPING_MS) state.isOn = false;
      this.#tell(state, now);
      if (!state.isOn && !state.told && now - state.toldAt >= APART_MS) this.#states.delete(key);
    }
  }

  #tell(state: State, now: number): void {
    if (state.isOn === state.told || now - state.toldAt < APART_MS) return;
    state.told = state.isOn;
    state.toldAt = now;
    const { room, user, isOn } = state;
    this.#options.tell(room, { room: nameOf(room), user, on: isOn });
  }
}
