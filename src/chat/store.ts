/**
 * What the chat asks of its durable truth. Two implementations, one contract suite.
 *
 * Obligations of every method, besides its own:
 * - One step: it sees and changes a room atomically; it reads everything before it writes.
 * - Life (G12): each step that touches a room, read or write, compares the life the room was
 *   last written in with the store's own. Where they differ it first opens a new epoch, with
 *   base = head, in the same step.
 * - Failure: a store that cannot be reached, is full or read-only rejects with
 *   `StoreUnavailable`; what a peer did wrong rejects with `ChatError`. After an
 *   `unavailable` nothing was stored, or it is not known.
 * - Bounds: no call returns more than it was asked for; lists come in pages.
 */
import type { Durability, Position, RoomKind } from '../protocol/words.ts';
import type { RoomId, UserId } from './identity.ts';
import type { Order, OrderPage } from './orders.ts';
import type { Leases, PresenceRecord } from './presence.ts';
import type { Act, Actor } from './rights.ts';
import type {
  Commit,
  CursorMove,
  DeviceUse,
  DirectOptions,
  GovernOptions,
  Governed,
  HistoryPage,
  HistoryRequest,
  HookMove,
  JoinOptions,
  Joined,
  Left,
  ListPage,
  MayAdd,
  ListedMember,
  ListedRoom,
  Page,
  PageRequest,
  PresenceChange,
  ReadMark,
  ReadOptions,
  RetentionPolicy,
  RoomBatch,
  RoomHead,
  RoomIndex,
  RoomView,
  ScannedRoom,
  TokenAsk,
  TokenGrant,
} from './store-types.ts';

export interface Store {
  /** What an acknowledgement stands for now (`disk` only where it was seen to be so). */
  readonly durability: Durability;

  /**
   * Stores the batches. Per draft, in order: not a member (or no such room) is `not_found`;
   * an id that is stored already gives its first epoch and seq (`duplicate`), twice in one
   * batch too; muted, or blocked in a direct room, is `muted`, `forbidden`; else it gets the
   * room's next seq. `at` never goes back within a room.
   * A draft that is about another entry: `conflict` when that is of another epoch than the
   * present one; `not_found` when it is no text, is gone, deleted, or lies before what the
   * author may see; `forbidden`: an edit by another than its author, a delete by another who
   * is neither owner nor admin. A delete takes text and data of the entry and of its edits away.
   */
  append(batches: readonly RoomBatch[]): Promise<Commit>;

  /**
   * Makes the user a member; the point is the head in the same step. A new membership's
   * `read` starts at its point. `not_found`: no such room and nothing to create, or private
   * and not a member. `banned`. `conflict`: exists and `mustCreate`. `too_large`: over maxRoomsPerUser.
   */
  join(room: RoomId, user: string, options: JoinOptions): Promise<Joined>;

  /**
   * Ends the membership by a `system` entry (`action: "left"`); cursors are forgotten.
   * `not_found`: not a member. `conflict`: the last owner.
   */
  leave(room: RoomId, user: string): Promise<Left>;

  /**
   * Does what `decide` (rights.ts) makes of the act, in the same step. A membership that begins
   * has the seq before its entry as its point; one that ends takes its cursors along.
   * `not_found`: no such room, or the actor is no member. `too_large`: over a limit.
   */
  govern(room: RoomId, actor: Actor, act: Act, options: GovernOptions): Promise<Governed>;

  /**
   * The direct room of two users, created with both as members if it is not there.
   * `forbidden`: one has blocked the other. `too_large`: one is a member of too many rooms.
   */
  openDirect(room: RoomId, user: string, other: string, options: DirectOptions): Promise<Joined>;

  /** Creates a room without members. False: it is there already. */
  createRoom(room: RoomId, how: { readonly kind: RoomKind; readonly title: string }): Promise<boolean>;

  /**
   * Deletes a room with its log, ids, members and all. Head and epochs stay with its name: should
   * it be created again, it goes on counting in a new epoch, with nothing before. `not_found`.
   */
  deleteRoom(room: RoomId): Promise<void>;

  /** Rooms that this user's index has and that were seen not to be there: looks again, and forgets them. */
  recheckIndex(user: UserId, rooms: readonly RoomId[]): Promise<void>;

  /** The user's devices, the last used first. */
  devices(user: UserId): Promise<readonly DeviceUse[]>;

  /** `user` takes no direct messages of `other` any more, or does again. `too_large`: over `maxBlocks`. */
  block(user: UserId, other: string, on: boolean, maxBlocks: number): Promise<void>;

  /** What comes after a position, with the reader's membership. `not_found`: no such room. */
  page(room: RoomId, request: PageRequest): Promise<Page>;

  /** A page of the past. `not_found`: no such room; membership is in the answer, not checked. */
  history(room: RoomId, request: HistoryRequest): Promise<HistoryPage>;

  /** The rooms as this user and device see them, in the order asked; undefined: no such room. */
  views(
    user: string,
    device: string | undefined,
    rooms: readonly RoomId[],
  ): Promise<(RoomView | undefined)[]>;

  /**
   * Newest position of each room, without a look at the life: cheap, for 10,000 rooms every
   * 2 s. A feed that sees another epoch or a lower head than its own reads a page to be told.
   */
  heads(rooms: readonly RoomId[]): Promise<(RoomHead | undefined)[]>;

  /** The user's rooms. Entries left pending by a join that was cut short are settled. */
  index(user: UserId): Promise<RoomIndex>;

  /** The versions of the users' indexes, in the order asked; 0 for a user never seen. Cheap. */
  indexVersions(users: readonly UserId[]): Promise<number[]>;

  /**
   * Notes that a device was used. Seen for the first time, it gets a cursor in each of the
   * user's rooms: at the head where another device of the user is known, else at the
   * membership's point. Over `maxDevices` the longest unused is forgotten with its cursors.
   */
  useDevice(user: UserId, device: string, maxDevices: number, mayAdd?: MayAdd): Promise<void>;

  /** Moves cursors forwards (`isFurther`); rooms and memberships that are gone are ignored. */
  moveCursors(moves: readonly CursorMove[]): Promise<void>;

  /**
   * The user has read up to `seq`, at most the head; never goes back. `not_found`: not a
   * member. `conflict`: `epoch` is over and seq lies above the base of a later one.
   */
  markRead(room: RoomId, user: string, seq: number, options?: ReadOptions): Promise<ReadMark>;

  /** Public rooms of a namespace, by name. */
  listRooms(namespace: string, cursor: string | undefined, limit: number): Promise<ListPage<ListedRoom>>;

  /** A room's members, by user. `not_found`: no such room, or the asker is not a member. */
  listMembers(
    room: RoomId,
    asker: Actor,
    cursor: string | undefined,
    limit: number,
  ): Promise<ListPage<ListedMember>>;

  /** Members of a room by name, after `after`; of a room that does not exist none. No right is checked. */
  memberNames(room: RoomId, after: string | undefined, limit: number): Promise<string[]>;

  /** A new lease of this process: it lives while the process does and, where that is not to be seen, for `ttlMs`. */
  openLease(ttlMs: number): Promise<string>;

  /** For `ttlMs` from now; 0: it ends. False: it has ended, and stays so. */
  renewLease(lease: string, ttlMs: number): Promise<boolean>;

  /** All leases that are not swept. */
  leases(): Promise<Leases>;

  /**
   * Entries of users under a lease; answers their records then. Nothing is lost with them that a
   * lease's end would not take.
   */
  enterPresence(lease: string, changes: readonly PresenceChange[]): Promise<PresenceRecord[]>;

  /**
   * In the order asked; undefined for a user never seen, `unknown` where the part of the store that
   * knows does not answer. Cheap.
   */
  presence(users: readonly UserId[]): Promise<(PresenceRecord | 'unknown' | undefined)[]>;

  /**
   * Takes the entries of leases back that ended at least `forMs` ago, and forgets them. `onGone`:
   * a user who is nowhere now; two who sweep at once may both be told.
   */
  sweepLeases(forMs: number, signal: AbortSignal, onGone: (user: UserId) => void): Promise<void>;

  /** Visits all rooms, some at a time, in no order; one that is created meanwhile may be left out. */
  scanRooms(visit: (rooms: readonly ScannedRoom[]) => Promise<void>, signal: AbortSignal): Promise<void>;

  /** True: the holder of this lease has the role now. It is taken only from a lease that has ended. */
  claimRole(role: string, lease: string): Promise<boolean>;

  /** When this receiver was registered first; ms since 1970. */
  registerHook(hook: string): Promise<number>;

  /** Up to where a receiver has each room's log, in the order asked; undefined: it was told nothing of it. */
  hookPlaces(hook: string, rooms: readonly RoomId[]): Promise<(Position | undefined)[]>;

  /** Does nothing where the place is not `from` any more: whoever moved it had the log further. */
  moveHook(hook: string, room: RoomId, move: HookMove): Promise<void>;

  /** Gives an order; `revoke` also holds for whoever connects later (`RoomIndex`). */
  giveOrder(what: Order['do'], user: UserId): Promise<void>;

  /** Orders after `after`, in order; undefined: none, only where the list ends now. Cheap. */
  orders(after: string | undefined): Promise<OrderPage>;

  /**
   * Takes tokens, in the order asked; the smaller the rest, the smaller the part of it that one
   * asker is granted, so that others get some. Counted by the store's clock; not durable.
   */
  takeTokens(asks: readonly TokenAsk[]): Promise<TokenGrant[]>;

  /** One background pass of retention over all rooms, in short steps; stops on the signal. */
  retain(policy: RetentionPolicy, signal: AbortSignal): Promise<void>;

  /** Resolves when the store can write; rejects with `StoreUnavailable` and the reason. */
  ping(): Promise<void>;

  /** Twice is the same as once. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
