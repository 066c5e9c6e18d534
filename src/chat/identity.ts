/**
 * A room's and a user's full identity: the namespace is part of it.
 *
 * Made at the edge and read apart only where a key or a wire name is written. Rules in chat/
 * pass these on as one value, so nothing can cross from one namespace to another.
 */

/** `<namespace>|<room>`; neither part can contain the bar. */
export type RoomId = string & { readonly roomId: unique symbol };
/** `<namespace>|<user>` */
export type UserId = string & { readonly userId: unique symbol };

const BAR = '|';

export function roomId(namespace: string, room: string): RoomId {
  return `${namespace}${BAR}${room}` as RoomId;
}

export function userId(namespace: string, user: string): UserId {
  return `${namespace}${BAR}${user}` as UserId;
}

/** The part before the bar. */
export function namespaceOf(id: RoomId | UserId): string {
  return id.slice(0, id.indexOf(BAR));
}

/** The part after the bar: what the wire calls this room or user. */
export function nameOf(id: RoomId | UserId): string {
  return id.slice(id.indexOf(BAR) + 1);
}

/** The name of the direct room of two users: in ascending byte order, which for names is that of strings. */
export function directRoom(a: string, b: string): string {
  return a < b ? `dm:${a}:${b}` : `dm:${b}:${a}`;
}
