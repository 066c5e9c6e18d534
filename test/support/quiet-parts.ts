/** Parts of a worker that a test of others needs and does not look at. */
import type { PresenceBoard } from '../../src/chat/presence-board.ts';
import type { PresenceRoll } from '../../src/chat/presence-roll.ts';
import { Gate } from '../../src/chat/gate.ts';
import { Authorizer } from '../../src/edge/authorize.ts';
import type { ChatContext } from '../../src/edge/chat-context.ts';
import { EdgeLimits } from '../../src/edge/edge-limits.ts';

const UNLIMITED = new EdgeLimits(
  { take: () => 0, takeNow: () => 0, giveBack: () => {} },
  {
    posts: undefined,
    roomPosts: undefined,
    joins: undefined,
    connects: undefined,
    addressConnects: undefined,
    requests: undefined,
    bytes: undefined,
  },
);

export const QUIET_PARTS: Pick<
  ChatContext,
  | 'limits'
  | 'authorizer'
  | 'hooks'
  | 'roll'
  | 'board'
  | 'tellRoom'
  | 'tellOfIndex'
  | 'tellOfMembers'
  | 'tellOfJoin'
  | 'handOn'
  | 'confirmed'
  | 'pages'
> = {
  limits: UNLIMITED,
  authorizer: new Authorizer(undefined, { now: () => 0, onFailure: () => {} }),
  hooks: {},
  roll: { arrive: () => {}, leave: () => {}, set: () => {} } as unknown as PresenceRoll,
  board: { unwatch: () => {} } as unknown as PresenceBoard,
  tellRoom: () => {},
  tellOfIndex: () => {},
  tellOfMembers: () => {},
  tellOfJoin: () => {},
  handOn: () => {},
  confirmed: () => undefined,
  pages: new Gate(4),
};
