/** A room as the wire shows it, and where a socket's feed of it starts. Pure. */
import type { Position, RoomState } from '../protocol/words.ts';
import { nameOf, type RoomId } from './identity.ts';
import { presentEpoch, settle } from './position.ts';
import type { Membership, RoomInfo, RoomView } from './store-types.ts';

/** A view whose user is a member. */
export interface MemberView extends RoomView {
  readonly membership: Membership;
}

export function isMember(view: RoomView | undefined): view is MemberView {
  return view?.membership !== undefined;
}

export interface FeedStart {
  /** What the client is told: its feed starts after it. */
  readonly from: Position;
  /** Nothing was lost on the way there, and it is in the present epoch. */
  readonly isSettled: boolean;
  /** The membership's point in the present epoch. */
  readonly point: Position;
}

export function headOf(info: RoomInfo): Position {
  return { epoch: presentEpoch(info.chain), seq: info.head };
}

/**
 * Where a feed starts that was asked to start after `asked`. In a private or direct room
 * nothing before the present membership is shown: a lower position is raised to its point, without
 * a word. What retention took behind that is a loss like any other.
 */
export function feedStart({ info, membership }: MemberView, asked: Position): FeedStart {
  const point = settle(info, membership.point).position;
  const start = info.kind === 'public' ? asked : raised(info, asked, membership.point);
  const { position, losses } = settle(info, start);
  const [loss] = losses;
  if (loss === undefined) return { from: position, isSettled: true, point };
  const from = loss.reason === 'epoch' ? start : { epoch: loss.epoch, seq: loss.from - 1 };
  return { from, isSettled: false, point };
}

/** `asked`, or the point where that is further; retention changes nothing of which is. */
function raised(info: RoomInfo, asked: Position, point: Position): Position {
  const whole = { ...info, first: 1 };
  const lowest = settle(whole, point).position;
  if (settle(whole, asked).position.seq > lowest.seq) return asked;
  const isWish = asked.seq <= 0 && asked.epoch === '';
  return isWish && lowest.seq < info.first ? asked : lowest;
}

export function roomState(room: RoomId, { info, membership }: MemberView, from?: Position): RoomState {
  const state = {
    room: nameOf(room),
    kind: info.kind,
    title: info.title,
    role: membership.role,
    epoch: presentEpoch(info.chain),
    head: info.head,
    first: info.first,
    read: membership.read,
    delivered: membership.cursor,
    unread: membership.unread,
    members: info.members,
  };
  return from === undefined ? state : { ...state, from };
}
