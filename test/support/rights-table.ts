/** The table of docs/rights.md: who may do what. The documents and the tests are made from it. */
import type { Act } from '../../src/chat/rights.ts';
import type { ErrorCode } from '../../src/protocol/errors.ts';
import type { Role } from '../../src/protocol/words.ts';

export const ROLES = ['owner', 'admin', 'member', 'no member'] as const;

/** May, or what they are told. */
export type Cell = 'yes' | ErrorCode;

export interface Action {
  readonly name: string;
  readonly act: Act;
  /** Of the one that it is about; undefined: not a member. */
  readonly role: Role | undefined;
  /** In the order of `ROLES`. */
  readonly cells: readonly [Cell, Cell, Cell, Cell];
}

const BOTH: Action['cells'] = ['yes', 'yes', 'forbidden', 'not_found'];
const OWNERS: Action['cells'] = ['yes', 'forbidden', 'forbidden', 'not_found'];

const member = (more: object): Act => ({ do: 'member', user: 'bob', ...more });
const remove: Act = { do: 'remove', user: 'bob' };
const mute = member({ mutedUntil: 2_000_000 });
const ban = member({ banned: true });

export const ACTIONS: readonly Action[] = [
  { name: 'change the title', act: { do: 'set', title: 'x' }, role: undefined, cells: BOTH },
  { name: 'make it private or public', act: { do: 'set', kind: 'private' }, role: undefined, cells: BOTH },
  { name: 'invite as a member', act: member({}), role: undefined, cells: BOTH },
  { name: 'invite as an admin', act: member({ role: 'admin' }), role: undefined, cells: OWNERS },
  { name: 'invite as an owner', act: member({ role: 'owner' }), role: undefined, cells: OWNERS },
  { name: 'make a member an admin', act: member({ role: 'admin' }), role: 'member', cells: OWNERS },
  { name: 'make an admin an owner', act: member({ role: 'owner' }), role: 'admin', cells: OWNERS },
  { name: 'make an admin a member', act: member({ role: 'member' }), role: 'admin', cells: OWNERS },
  { name: 'make another owner a member', act: member({ role: 'member' }), role: 'owner', cells: OWNERS },
  { name: 'mute a member', act: mute, role: 'member', cells: BOTH },
  { name: 'mute an admin', act: mute, role: 'admin', cells: OWNERS },
  { name: 'mute another owner', act: mute, role: 'owner', cells: OWNERS },
  { name: 'remove a member', act: remove, role: 'member', cells: BOTH },
  { name: 'remove an admin', act: remove, role: 'admin', cells: OWNERS },
  { name: 'remove another owner', act: remove, role: 'owner', cells: OWNERS },
  { name: 'ban a member', act: ban, role: 'member', cells: BOTH },
  { name: 'ban somebody who is no member', act: ban, role: undefined, cells: BOTH },
  { name: 'ban an admin', act: ban, role: 'admin', cells: OWNERS },
  { name: 'ban another owner', act: ban, role: 'owner', cells: OWNERS },
  { name: 'end a ban', act: member({ banned: false }), role: undefined, cells: BOTH },
];
