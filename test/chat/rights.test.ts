/** Who may do what: every cell of role × action, and what each act comes to (G14). */
import { describe, expect, test } from 'vitest';
import {
  checkBan,
  decide,
  isBanned,
  isSanctioned,
  NO_SANCTION,
  postRefusal,
  type Act,
  type Facts,
} from '../../src/chat/rights.ts';
import type { Role } from '../../src/protocol/words.ts';
import { ACTIONS, ROLES, type Cell } from '../support/rights-table.ts';

const NOW = 1_000_000;

function facts(more: Partial<Facts> = {}): Facts {
  return {
    kind: 'public',
    title: 'Tea',
    owners: 2,
    actorRole: 'owner',
    role: 'member',
    sanction: NO_SANCTION,
    now: NOW,
    ...more,
  };
}

function outcome(of: Facts, act: Act): Cell {
  try {
    decide(of, { user: 'ada' }, act);
    return 'yes';
  } catch (error) {
    return (error as { code: Cell }).code;
  }
}

describe('role × action', () => {
  for (const { name, act, role, cells } of ACTIONS)
    test.each(ROLES.map((actorRole, i) => [actorRole, cells[i]] as const))(
      `${name}, by %s: %s`,
      (actor, cell) => {
        const actorRole: Role | undefined = actor === 'no member' ? undefined : actor;
        expect(outcome(facts({ actorRole, role }), act)).toBe(cell);
      },
    );

  test.each(ACTIONS)('$name: nobody in a direct room, not even the server', ({ act, role }) => {
    const of = facts({ kind: 'direct', actorRole: 'member', role });
    expect(outcome(of, act)).toBe('forbidden');
    expect(() => decide(of, 'server', act)).toThrow('direct');
  });

  test.each(ACTIONS)('$name: the server may', ({ act, role }) => {
    expect(() => decide(facts({ actorRole: undefined, role }), 'server', act)).not.toThrow();
  });
});

test('on themselves people may only give up a role', () => {
  const own = (actorRole: Role, act: object): Cell =>
    outcome(facts({ actorRole, role: actorRole }), { do: 'member', user: 'ada', ...act } as Act);
  expect(own('owner', { role: 'member' })).toBe('yes');
  expect(own('admin', { role: 'member' })).toBe('yes');
  expect(own('admin', { role: 'owner' })).toBe('forbidden');
  expect(own('admin', { mutedUntil: 0 })).toBe('forbidden');
  expect(own('owner', { banned: true })).toBe('forbidden');
  expect(outcome(facts(), { do: 'remove', user: 'ada' })).toBe('bad_request');
});

test('the last owner stays one', () => {
  const of = facts({ owners: 1, role: 'owner' });
  expect(outcome(of, { do: 'member', user: 'ada', role: 'admin' })).toBe('conflict');
  expect(() => decide(of, 'server', { do: 'member', user: 'ada', role: 'admin' })).toThrow('last owner');
});

test('what changes nothing leaves nothing in the log', () => {
  const none = (of: Facts, act: Act) => expect(decide(of, { user: 'ada' }, act).entries).toEqual([]);
  none(facts(), { do: 'set', title: 'Tea', kind: 'public' });
  none(facts(), { do: 'set' });
  none(facts(), { do: 'member', user: 'bob' });
  none(facts(), { do: 'member', user: 'bob', role: 'member', mutedUntil: 0 });
  none(facts(), { do: 'member', user: 'bob', banned: false });
  none(facts({ role: undefined, sanction: { mutedUntil: 0, bannedUntil: 0 } }), {
    do: 'member',
    user: 'bob',
    banned: true,
  });
});

test('one act may be several entries', () => {
  const act: Act = { do: 'member', user: 'bob', role: 'admin', mutedUntil: NOW + 1 };
  expect(decide(facts({ role: undefined }), { user: 'ada' }, act)).toMatchObject({
    entries: [
      { action: 'invited', role: 'admin' },
      { action: 'muted', until: NOW + 1 },
    ],
    role: 'admin',
    sanction: { mutedUntil: NOW + 1 },
  });
});

test('a ban keeps the mute, and its end keeps it too', () => {
  const sanction = { mutedUntil: NOW + 5 };
  const banned = decide(facts({ sanction }), { user: 'ada' }, { do: 'member', user: 'bob', banned: true });
  expect(banned).toMatchObject({ role: undefined, sanction: { mutedUntil: NOW + 5, bannedUntil: 0 } });
  const lifted = decide(facts({ role: undefined, sanction: banned.sanction }), 'server', {
    do: 'member',
    user: 'bob',
    banned: false,
  });
  expect(lifted.sanction.mutedUntil).toBe(NOW + 5);
  expect(isBanned(lifted.sanction, NOW)).toBe(false);
});

test('a ban goes with no role and no mute', () => {
  for (const more of [{ role: 'member' as const }, { mutedUntil: 1 }])
    expect(outcome(facts(), { do: 'member', user: 'bob', banned: true, ...more })).toBe('bad_request');
});

test('what is over is over', () => {
  expect(isBanned({ mutedUntil: 0, bannedUntil: NOW }, NOW)).toBe(false);
  expect(isBanned({ mutedUntil: 0, bannedUntil: NOW + 1 }, NOW)).toBe(true);
  expect(isBanned({ mutedUntil: 0, bannedUntil: 0 }, NOW)).toBe(true);
  expect(postRefusal({ mutedUntil: NOW }, NOW)).toBeUndefined();
  expect(postRefusal({ mutedUntil: NOW + 7 }, NOW)).toMatchObject({ code: 'muted', retryAfterMs: 7 });
  expect(postRefusal({ mutedUntil: 0, isBlocked: true }, NOW)).toMatchObject({ code: 'forbidden' });
  expect(() => checkBan({ mutedUntil: 0, bannedUntil: NOW + 9 }, NOW)).toThrow(
    expect.objectContaining({ code: 'banned', retryAfterMs: 9 }),
  );
  expect(isSanctioned(NO_SANCTION)).toBe(false);
});

test('a mute or a ban that is over when it is set, or when something else is, leaves nothing', () => {
  const over = { mutedUntil: NOW - 1, bannedUntil: NOW - 1 };
  const acts: Act[] = [
    { do: 'member', user: 'bob', mutedUntil: NOW - 5 },
    { do: 'member', user: 'bob', banned: true, bannedUntil: NOW - 5 },
    { do: 'member', user: 'bob', role: 'admin' },
    { do: 'remove', user: 'bob' },
  ];
  for (const act of acts)
    expect(isSanctioned(decide(facts({ sanction: over }), { user: 'ada' }, act).sanction)).toBe(false);
});
