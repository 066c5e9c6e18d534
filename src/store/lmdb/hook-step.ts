/** Up to where receivers of hooks have the logs. */
import type { RoomId } from '../../chat/identity.ts';
import type { HookMove } from '../../chat/store-types.ts';
import type { Environment } from './environment.ts';

/** Inside a write transaction. A room that is not there, any more, gets no place. */
export function moveHook(env: Environment, hook: string, room: RoomId, { from, to }: HookMove): void {
  const known = env.hookPlaces.get([hook, room]);
  const isSame = known?.epoch === from?.epoch && known?.seq === from?.seq;
  if (isSame && env.rooms.head(room) !== undefined) void env.hookPlaces.put([hook, room], to);
}
