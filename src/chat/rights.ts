/**
 * Who may do what in a room (G14), and what an act changes. Pure: both stores decide by this one
 * file, inside their atomic step, so the table in docs/rights.md holds for both.
 *
 * An act is answered with entries of the log and a new state of its target. Everything that
 * takes a right away is such an entry, so its order against posts is the log's.
 */
import { ChatError } from '../protocol/errors.ts';
import type { Role, RoomKind } from '../protocol/words.ts';

/** What is held against a user in a room; it outlives the membership. */
export interface Sanction {
  /** May not post before; ms since 1970, 0: may. */
  readonly mutedUntil: number;
  /** May not be a member before; ms since 1970, 0: ever. Undefined: may. */
  readonly bannedUntil?: number | undefined;
  /** In a direct room: the other one takes no messages of theirs. */
  readonly isBlocked?: boolean | undefined;
}

export const NO_SANCTION: Sanction = { mutedUntil: 0 };

/** What somebody wants to change in a room. */
export type Act =
  | {
      readonly do: 'set';
      readonly title?: string | undefined;
      readonly kind?: 'public' | 'private' | undefined;
    }
  | {
      /** Adds the user if not a member, unless `banned` is given. */
      readonly do: 'member';
      readonly user: string;
      readonly role?: Role | undefined;
      readonly mutedUntil?: number | undefined;
      readonly banned?: boolean | undefined;
      /** With `banned`: where it ends; undefined: never. */
      readonly bannedUntil?: number | undefined;
    }
  | { readonly do: 'remove'; readonly user: string };

/** Who asks: a member by their name, or the server for a program that it trusts. */
export type Actor = { readonly user: string } | 'server';

/** What a step has read before it decides. */
export interface Facts {
  readonly kind: RoomKind;
  readonly title: string;
  readonly owners: number;
  /** The actor's; undefined: not a member. Not looked at for `server`. */
  readonly actorRole: Role | undefined;
  /** The target's; undefined: not a member, or the act has no target. */
  readonly role: Role | undefined;
  readonly sanction: Sanction;
  /** By the clock of the step. */
  readonly now: number;
}

/** A `system` entry's data. */
export type SystemData = { readonly action: string } & Readonly<Record<string, unknown>>;

/** What an act comes to. Without entries nothing changes. */
export interface Decision {
  /** Appended in this order. */
  readonly entries: readonly SystemData[];
  readonly kind: RoomKind;
  readonly title: string;
  /** The target's afterwards; undefined: not a member. */
  readonly role: Role | undefined;
  readonly sanction: Sanction;
}

const RANK: Readonly<Record<Role, number>> = { member: 0, admin: 1, owner: 2 };

export function isBanned({ bannedUntil }: Sanction, now: number): boolean {
  return bannedUntil !== undefined && (bannedUntil === 0 || bannedUntil > now);
}

export function isSanctioned({ mutedUntil, bannedUntil, isBlocked }: Sanction): boolean {
  return mutedUntil > 0 || bannedUntil !== undefined || isBlocked === true;
}

/** Without what is over, so that nothing of it is kept. */
function presentSanction(sanction: Sanction, now: number): Sanction {
  const { mutedUntil, isBlocked } = sanction;
  return {
    mutedUntil: mutedUntil > now ? mutedUntil : 0,
    bannedUntil: isBanned(sanction, now) ? sanction.bannedUntil : undefined,
    isBlocked,
  };
}

/** True: something was held against the user, and nothing is any more. */
export function isOver(sanction: Sanction, now: number): boolean {
  return isSanctioned(sanction) && !isSanctioned(presentSanction(sanction, now));
}

/** Undefined: may post. No member is banned; a program may want to post as somebody who is. */
export function postRefusal(sanction: Sanction, now: number): ChatError | undefined {
  const { mutedUntil, bannedUntil = 0, isBlocked } = sanction;
  if (isBlocked === true) return blockedError();
  if (isBanned(sanction, now)) return bannedError(bannedUntil === 0 ? undefined : bannedUntil - now);
  return mutedUntil <= now ? undefined : mutedError(mutedUntil - now);
}

export function blockedError(): ChatError {
  return new ChatError('forbidden', 'this user takes no messages of yours');
}

export function mutedError(forMs: number): ChatError {
  return new ChatError('muted', 'you are muted in this room', { retryAfterMs: forMs });
}

/** `forMs`: undefined: for ever. */
export function bannedError(forMs: number | undefined): ChatError {
  return new ChatError('banned', 'you are banned from this room', { retryAfterMs: forMs });
}

/** Throws `banned` where the user may not become a member. */
export function checkBan(sanction: Sanction, now: number): void {
  if (!isBanned(sanction, now)) return;
  const { bannedUntil = 0 } = sanction;
  throw bannedError(bannedUntil === 0 ? undefined : bannedUntil - now);
}

/** Throws what the actor may not do; else what the act changes. */
export function decide(facts: Facts, actor: Actor, act: Act): Decision {
  const { kind, actorRole } = facts;
  if (actor !== 'server' && actorRole === undefined)
    throw new ChatError('not_found', 'no such room, or you are not a member of it');
  if (kind === 'direct')
    throw new ChatError('forbidden', 'nothing is changed about a direct room or its members');
  if (actor !== 'server') checkActor(facts, actorRole ?? 'member', actor.user, act);
  const by = actor === 'server' ? undefined : actor.user;
  const decision = decideAct(facts, by, act);
  return { ...decision, sanction: presentSanction(decision.sanction, facts.now) };
}

function decideAct(facts: Facts, by: string | undefined, act: Act): Decision {
  switch (act.do) {
    case 'set':
      return decideSet(facts, by, act);
    case 'remove':
      return decideRemove(facts, by, act.user);
    case 'member':
      return act.banned === undefined ? decideMember(facts, by, act) : decideBan(facts, by, act);
  }
}

function checkActor({ role }: Facts, actorRole: Role, user: string, act: Act): void {
  if (actorRole === 'member') throw new ChatError('forbidden', 'only an owner or an admin may do that');
  if (act.do === 'set') return;
  if (act.user === user) return checkOnSelf(actorRole, act);
  if (actorRole === 'owner') return;
  if (role !== undefined && RANK[role] >= RANK.admin)
    throw new ChatError('forbidden', `only an owner may do that to an ${role}`);
  if (act.do === 'member' && act.role !== undefined && act.role !== 'member')
    throw new ChatError('forbidden', `only an owner may make somebody an ${act.role}`);
}

/** One may give up a role, and nothing else: there is `room:leave`. */
function checkOnSelf(role: Role, act: Exclude<Act, { do: 'set' }>): void {
  if (act.do === 'remove') throw new ChatError('bad_request', 'user is you; leave with room:leave');
  if (act.banned !== undefined || act.mutedUntil !== undefined)
    throw new ChatError('forbidden', 'nobody mutes or bans themselves, or ends that');
  if (act.role !== undefined && RANK[act.role] > RANK[role])
    throw new ChatError('forbidden', 'only an owner may make somebody an owner');
}

function decideSet(facts: Facts, by: string | undefined, act: Extract<Act, { do: 'set' }>): Decision {
  const kind = act.kind ?? facts.kind;
  const title = act.title ?? facts.title;
  const change = {
    ...(title === facts.title ? {} : { title }),
    ...(kind === facts.kind ? {} : { kind }),
  };
  const entries = Object.keys(change).length === 0 ? [] : [system('set', by, undefined, change)];
  return { ...unchanged(facts), entries, kind, title };
}

function decideRemove(facts: Facts, by: string | undefined, user: string): Decision {
  if (facts.role === undefined) throw new ChatError('not_found', `${user} is not a member of this room`);
  return { ...unchanged(facts), entries: [system('removed', by, user)], role: undefined };
}

function decideMember(facts: Facts, by: string | undefined, act: Extract<Act, { do: 'member' }>): Decision {
  const { user } = act;
  const entries: SystemData[] = [];
  const role = act.role ?? facts.role ?? 'member';
  if (facts.role === undefined) {
    if (isBanned(facts.sanction, facts.now))
      throw new ChatError('conflict', `${user} is banned; end that first (banned: false)`);
    entries.push(system('invited', by, user, { role }));
  } else if (role !== facts.role) {
    if (facts.role === 'owner' && facts.owners === 1)
      throw new ChatError('conflict', 'the last owner stays one; make somebody else an owner first');
    entries.push(system('role', by, user, { role }));
  }
  let { sanction } = facts;
  if (act.mutedUntil !== undefined && act.mutedUntil !== sanction.mutedUntil) {
    sanction = { ...sanction, mutedUntil: act.mutedUntil };
    entries.push(system('muted', by, user, { until: act.mutedUntil }));
  }
  return { ...unchanged(facts), entries, role, sanction };
}

function decideBan(facts: Facts, by: string | undefined, act: Extract<Act, { do: 'member' }>): Decision {
  if (act.role !== undefined || act.mutedUntil !== undefined)
    throw new ChatError('bad_request', 'banned goes with neither role nor mutedUntil');
  const { user } = act;
  const { mutedUntil, isBlocked } = facts.sanction;
  if (act.banned !== true) {
    const entries = isBanned(facts.sanction, facts.now) ? [system('unbanned', by, user)] : [];
    return { ...unchanged(facts), entries, sanction: { mutedUntil, isBlocked } };
  }
  const bannedUntil = act.bannedUntil ?? 0;
  const isSame =
    facts.role === undefined &&
    isBanned(facts.sanction, facts.now) &&
    facts.sanction.bannedUntil === bannedUntil;
  const until = bannedUntil === 0 ? {} : { until: bannedUntil };
  const entries = isSame ? [] : [system('banned', by, user, until)];
  return { ...unchanged(facts), entries, role: undefined, sanction: { mutedUntil, isBlocked, bannedUntil } };
}

function unchanged({ kind, title, role, sanction }: Facts): Omit<Decision, 'entries'> {
  return { kind, title, role, sanction };
}

function system(
  action: string,
  by: string | undefined,
  user: string | undefined,
  more: object = {},
): SystemData {
  return { action, ...(user === undefined ? {} : { user }), ...(by === undefined ? {} : { by }), ...more };
}
