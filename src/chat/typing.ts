/**
 * Who is typing: told at most once a second of each user in a room, and taken back by itself when
 * nothing is heard for a while. Time comes in; what was heard may be late, doubled or lost.
 */
import { nameOf, namespaceOf, userId, type RoomId, type UserId } from './identity.ts';

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
  /** To the other workers: what was heard here. */
  readonly pass: (room: RoomId, user: string, on: boolean) => void;
}

interface State {
  readonly room: RoomId;
  readonly user: string;
  isOn: boolean;
  told: boolean;
  toldAt: number;
  heardAt: number;
  passedAt: number;
  /** Heard here, and not passed on yet. */
  isOwed: boolean;
}

const APART_MS = 1_000;
/** Rooms in which one user is said to type at once: all have their share of `maxTyping`. */
const MAX_ROOMS = 10;
/** Not heard of for so long: not typing any more. */
export const TYPING_MS = 6_000;

export class Typing {
  readonly #options: TypingOptions;
  readonly #states = new Map<string, State>();
  /** Rooms of each user. */
  readonly #rooms = new Map<UserId, number>();

  constructor(options: TypingOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#states.size;
  }

  /** `isHere`: of a client of this worker; the others hear of it too, at most once a second. */
  heard(room: RoomId, user: string, on: boolean, now: number, isHere: boolean): void {
    const key = `${room} ${user}`;
    let state = this.#states.get(key);
    if (state === undefined) {
      const id = userId(namespaceOf(room), user);
      const rooms = this.#rooms.get(id) ?? 0;
      if (!on || this.#states.size >= this.#options.maxTyping || rooms >= MAX_ROOMS) return;
      this.#rooms.set(id, rooms + 1);
      state = {
        room,
        user,
        isOn: true,
        told: false,
        toldAt: Number.NEGATIVE_INFINITY,
        heardAt: now,
        passedAt: Number.NEGATIVE_INFINITY,
        isOwed: false,
      };
      this.#states.set(key, state);
    }
    if (isHere && (state.isOn !== on || now - state.passedAt >= APART_MS)) state.isOwed = true;
    state.isOn = on;
    state.heardAt = now;
    this.#tell(state, now);
  }

  /** Called several times a second. */
  tick(now: number): void {
    for (const [key, state] of this.#states) {
      if (state.isOn && now - state.heardAt >= TYPING_MS) state.isOn = false;
      this.#tell(state, now);
      if (!state.isOn && !state.told && !state.isOwed && now - state.toldAt >= APART_MS)
        this.#forget(key, state);
    }
  }

  #forget(key: string, { room, user }: State): void {
    this.#states.delete(key);
    const id = userId(namespaceOf(room), user);
    const rooms = (this.#rooms.get(id) ?? 1) - 1;
    if (rooms === 0) this.#rooms.delete(id);
    else this.#rooms.set(id, rooms);
  }

  #tell(state: State, now: number): void {
    if (state.isOwed && now - state.passedAt >= APART_MS) {
      state.isOwed = false;
      state.passedAt = now;
      this.#options.pass(state.room, state.user, state.isOn);
    }
    if (state.isOn === state.told || now - state.toldAt < APART_MS) return;
    state.told = state.isOn;
    state.toldAt = now;
    const { room, user, isOn } = state;
    this.#options.tell(room, { room: nameOf(room), user, on: isOn });
  }
}
