/** An act on a room or its members, by a user or by the server for a program: done, and told to everybody. */
import { roomId, userId } from '../chat/identity.ts';
import type { Act, Actor } from '../chat/rights.ts';
import { headOf } from '../chat/room-state.ts';
import type { Governed } from '../chat/store-types.ts';
import type { Position } from '../protocol/words.ts';
import type { ChatContext } from './chat-context.ts';

export interface Done {
  readonly governed: Governed;
  /** The newest entry of the act, or the head where nothing changed. */
  readonly at: Position;
}

export async function govern(
  { store, settings, handOn, tellOfIndex }: ChatContext,
  actor: Actor,
  namespace: string,
  name: string,
  act: Act,
): Promise<Done> {
  const room = roomId(namespace, name);
  const { maxRoomsPerUser } = settings.limits;
  const { maxSanctionsPerRoom: maxSanctions } = settings;
  const governed = await store.govern(room, actor, act, { maxRoomsPerUser, maxSanctions });
  const { batch, info, isOther } = governed;
  if (batch !== undefined) handOn(room, batch);
  // Behind the entry, which says why it ended.
  if (isOther && act.do !== 'set') tellOfIndex(userId(namespace, act.user));
  const last = batch?.entries.at(-1);
  return {
    governed,
    at: batch === undefined || last === undefined ? headOf(info) : { epoch: batch.epoch, seq: last.seq },
  };
}
