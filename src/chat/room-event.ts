/**
 * What members of a room are told beside its log: it is not stored, and nothing repairs a lost
 * one. It travels like a batch (batch.ts), from which its first character tells it.
 */

export type RoomEvent =
  | { readonly kind: 'typing'; readonly user: string; readonly on: boolean }
  | { readonly kind: 'read'; readonly user: string; readonly seq: number }
  /** The room is gone: whoever has a feed of it looks. */
  | { readonly kind: 'deleted' };

const MARK = '!';

export function encodeRoomEvent(event: RoomEvent): string {
  return MARK + JSON.stringify(event);
}

export function isRoomEvent(body: string): boolean {
  return body.startsWith(MARK);
}

/** Undefined: text that is none. */
export function decodeRoomEvent(body: string): RoomEvent | undefined {
  let event: Partial<Record<string, unknown>>;
  try {
    event = JSON.parse(body.slice(MARK.length)) as Partial<Record<string, unknown>>;
  } catch {
    return undefined;
  }
  const { kind, user, on, seq } = event;
  if (kind === 'deleted') return { kind };
  if (typeof user !== 'string') return undefined;
  if (kind === 'typing' && typeof on === 'boolean') return { kind, user, on };
  return kind === 'read' && typeof seq === 'number' ? { kind, user, seq } : undefined;
}
