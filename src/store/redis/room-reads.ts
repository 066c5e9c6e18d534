/** Pages, history and views: what is asked of the scripts until the answer fits the question. */
import type { RoomId } from '../../chat/identity.ts';
import { presentEpoch, settle } from '../../chat/position.ts';
import type {
  HistoryPage,
  HistoryRequest,
  Joined,
  Page,
  PageRequest,
  RoomView,
} from '../../chat/store-types.ts';
import { bannedError } from '../../chat/rights.ts';
import { StoreUnavailable } from '../../chat/store-unavailable.ts';
import { ChatError } from '../../protocol/errors.ts';
import { chunks, inWindows } from './chunks.ts';
import type { JoinAnswer, RoomSteps, Seen } from './room-steps.ts';

/** Bytes of one page of history; pages of `page` bring their own limit. */
const MAX_HISTORY_BYTES = 1_048_576;
/** Rooms of one script call; in a Cluster each is a call, its keys are on one server. */
const VIEWS_AT_ONCE = 50;
/** How often a question is put anew because the room changed under it. */
const MAX_ROUNDS = 8;

export class RoomReads {
  readonly #steps: RoomSteps;
  readonly #viewsAtOnce: number;

  constructor(steps: RoomSteps, isCluster: boolean) {
    this.#steps = steps;
    this.#viewsAtOnce = isCluster ? 1 : VIEWS_AT_ONCE;
  }

  async page(room: RoomId, { after, user, limit, maxBytes }: PageRequest): Promise<Page> {
    let [epoch, seq] = after.seq <= 0 ? ['', 0] : [after.epoch, after.seq];
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const found = await this.#steps.read(room, { epoch, from: seq + 1, limit, maxBytes, user });
      if (found === undefined) throw noRoom();
      const { position: start, losses } = settle(found.room, after);
      // Asked in another epoch than the present one, nothing was read: ask for what it means now.
      if (epoch === '' || epoch === presentEpoch(found.room.chain))
        return { ...viewOf(found), entries: found.entries, start, losses };
      ({ epoch, seq } = start);
    }
    throw new Error(`${room} begins epochs faster than a page is read`);
  }

  async history(room: RoomId, { user, after, before, limit }: HistoryRequest): Promise<HistoryPage> {
    const isNewestFirst = after === undefined;
    let floor = 1;
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const from = Math.max(floor, (after ?? 0) + 1);
      const to = before === undefined ? undefined : before - 1;
      const maxBytes = MAX_HISTORY_BYTES;
      const found = await this.#steps.read(room, {
        epoch: '',
        from,
        to,
        limit,
        maxBytes,
        isNewestFirst,
        user,
        withEdits: true,
      });
      if (found === undefined) throw noRoom();
      const { room: record, member, entries, edited } = found;
      // In a room that is not public a member sees nothing from before the membership.
      const needed =
        record.kind === 'public' || member === undefined ? 1 : settle(record, member.point).position.seq + 1;
      if (needed > floor) {
        floor = needed;
        continue;
      }
      const lowest = Math.max(record.first, floor);
      const ceiling = Math.min(record.head, to ?? record.head);
      const more = isNewestFirst
        ? (entries[0]?.seq ?? lowest) > lowest
        : (entries.at(-1)?.seq ?? Math.max(lowest, from) - 1) < ceiling;
      return { ...viewOf(found), entries, more, edited };
    }
    throw new Error(`${room} changes faster than a page is read`);
  }

  async views(user: string, device: string, rooms: readonly RoomId[]): Promise<(RoomView | undefined)[]> {
    const parts = chunks(rooms, this.#viewsAtOnce);
    return (await inWindows(parts, (part) => this.#viewsOf(user, device, part))).flat();
  }

  async #viewsOf(user: string, device: string, rooms: readonly RoomId[]): Promise<(RoomView | undefined)[]> {
    const seen = await this.#steps.views(user, device, rooms);
    return seen.map((one) => one && viewOf(one));
  }
}

/** What the answer of a join comes to. Throws what it refuses. */
export function joinedOf(answer: JoinAnswer): Joined {
  switch (answer.word) {
    case 'was':
    case 'joined':
      return { info: answer.room, membership: answer.member, isNew: answer.word === 'joined' };
    case 'banned':
      throw bannedError(answer.forMs === 0 ? undefined : answer.forMs);
    case 'exists':
      throw new ChatError('conflict', 'the room exists already');
    case 'none':
      throw new ChatError('not_found', 'no such room');
    case 'late':
    case 'would':
      throw new StoreUnavailable('joining took too long and was not done');
  }
}

function viewOf({ room, member }: Seen): RoomView {
  return { info: room, membership: member };
}

function noRoom(): ChatError {
  return new ChatError('not_found', 'no such room, or you are not a member of it');
}
