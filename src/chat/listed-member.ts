/** A user of a room as lists and replies show them. */
import type { Role } from '../protocol/words.ts';
import { isBanned, type Sanction } from './rights.ts';
import type { ListedMember } from './store-types.ts';

/** `member`: undefined for a user who is none (any more). */
export function listedMember(
  user: string,
  member: { readonly name: string; readonly role: Role } | undefined,
  sanction: Sanction,
  now: number,
): ListedMember {
  const { mutedUntil, bannedUntil } = sanction;
  const listed = { user, name: member?.name ?? user };
  return {
    ...listed,
    ...(member === undefined ? {} : { role: member.role }),
    ...(mutedUntil > now ? { mutedUntil } : {}),
    ...(isBanned(sanction, now) ? { banned: true as const } : {}),
    ...(isBanned(sanction, now) && bannedUntil !== 0 ? { bannedUntil } : {}),
  };
}
