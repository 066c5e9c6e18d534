/**
 * What other workers are to look at again, gathered for a moment into one notice: when thousands
 * come at once, each of them changes an index, a room's members and a presence.
 */
import type { Adapter } from '../chat/adapter.ts';
import type { RoomId, UserId } from '../chat/identity.ts';

/** How long the first waits for more. */
const GATHER_MS = 20;
/** Of each kind in one notice; what is beyond is found by those who look in turn. */
const MAX_TOLD = 2_000;

export class GatheredNotices {
  readonly #adapter: Pick<Adapter, 'notify'>;
  readonly #after: (ms: number, task: () => void) => void;
  #index = new Set<UserId>();
  #presence = new Set<UserId>();
  #members = new Set<RoomId>();
  #isPlanned = false;

  constructor(adapter: Pick<Adapter, 'notify'>, after: (ms: number, task: () => void) => void) {
    this.#adapter = adapter;
    this.#after = after;
  }

  /** The user's rooms may be others. */
  index(user: UserId): void {
    this.#add(this.#index, user);
  }

  /** The user's presence may be another. */
  presence(user: UserId): void {
    this.#add(this.#presence, user);
  }

  /** The room's members may be others. */
  members(room: RoomId): void {
    this.#add(this.#members, room);
  }

  #add<T>(kind: Set<T>, id: T): void {
    if (kind.size >= MAX_TOLD) return;
    kind.add(id);
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#after(GATHER_MS, this.#send);
  }

  readonly #send = (): void => {
    this.#isPlanned = false;
    const [index, presence, members] = [[...this.#index], [...this.#presence], [...this.#members]];
    this.#index = new Set();
    this.#presence = new Set();
    this.#members = new Set();
    this.#adapter.notify({ kind: 'changes', index, presence, members });
  };
}
