/** Devices and their cursors: the offline queue (G7). */
import { expect, test } from 'vitest';
import { MAX_CURSORS } from '../../src/chat/store-types.ts';
import { upTo, type Scene } from './store-scene.ts';

export function deviceContract(scene: () => Scene): void {
  test('without a device the cursor is the point of the membership', async () => {
    const here = scene();
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 3);
    await here.join(room, 'bob');
    await here.post(room, 'ada', 'four');
    const point = { epoch: await here.epoch(room), seq: 3 };
    expect(await here.membership(room, 'bob')).toMatchObject({ point, cursor: point });
  });

  test('the first device of a user starts where the user became a member', async () => {
    const here = scene();
    const rooms = [await here.roomOf('ada'), await here.roomOf('ada')];
    for (const room of rooms) {
      await here.postMany(room, 'ada', 2);
      await here.join(room, 'bob');
      await here.postMany(room, 'ada', 3);
    }
    await here.useDevice('bob', 'phone');
    for (const room of rooms) expect(await here.cursor(room, 'bob', 'phone')).toMatchObject({ seq: 2 });
  });

  test.each([
    ['phone', 'laptop'],
    // What every object has, and no device until it is used.
    ['constructor', 'toString'],
  ])('a further device starts at the head of each of the user’s rooms (%s, %s)', async (first, further) => {
    const here = scene();
    const rooms = [await here.roomOf('bob', 'ada'), await here.roomOf('bob', 'ada')];
    await here.useDevice('bob', first);
    for (const room of rooms) await here.postMany(room, 'ada', 4);
    await here.useDevice('bob', further);
    for (const room of rooms) {
      await here.post(room, 'ada', 'five');
      expect(await here.cursor(room, 'bob', further)).toEqual({ epoch: await here.epoch(room), seq: 4 });
      expect(await here.cursor(room, 'bob', first)).toMatchObject({ seq: 0 });
    }
  });

  test('a room joined later starts for every known device where the user became a member', async () => {
    const here = scene();
    await here.useDevice('bob', 'phone');
    await here.useDevice('bob', 'laptop');
    const room = await here.roomOf('ada');
    await here.postMany(room, 'ada', 2);
    const joined = await here.join(room, 'bob', { device: 'phone' });
    expect(joined.membership.cursor).toMatchObject({ seq: 2 });
    await here.postMany(room, 'ada', 2);
    for (const device of ['phone', 'laptop'])
      expect(await here.cursor(room, 'bob', device)).toMatchObject({ seq: 2 });
  });

  test('using a device again moves no cursor', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.useDevice('bob', 'phone');
    await here.useDevice('bob', 'laptop');
    await here.postMany(room, 'ada', 4);
    await here.useDevice('bob', 'laptop');
    await here.useDevice('bob', 'phone');
    expect(await here.cursor(room, 'bob', 'laptop')).toMatchObject({ seq: 0 });
    expect(await here.cursor(room, 'bob', 'phone')).toMatchObject({ seq: 0 });
  });

  test('a cursor moves forwards and never back', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.useDevice('bob', 'phone');
    await here.postMany(room, 'ada', 9);
    const epoch = await here.epoch(room);
    for (const [to, is] of [
      [3, 3],
      [5, 5],
      [4, 5],
      [5, 5],
      [0, 5],
      [9, 9],
    ] as const) {
      await here.moveCursor(room, 'bob', 'phone', { epoch, seq: to });
      expect(await here.cursor(room, 'bob', 'phone')).toEqual({ epoch, seq: is });
    }
  });

  test('a cursor of one device or user is nobody else’s', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    for (const device of ['phone', 'laptop']) {
      await here.useDevice('bob', device);
      await here.useDevice('ada', device);
    }
    await here.postMany(room, 'ada', 5);
    await here.moveCursor(room, 'bob', 'phone', { epoch: await here.epoch(room), seq: 5 });
    expect(await here.cursor(room, 'bob', 'phone')).toMatchObject({ seq: 5 });
    expect(await here.cursor(room, 'bob', 'laptop')).toMatchObject({ seq: 0 });
    expect(await here.cursor(room, 'ada', 'phone')).toMatchObject({ seq: 0 });
  });

  test('a position in an epoch that the room never had moves nothing', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.useDevice('bob', 'phone');
    await here.postMany(room, 'ada', 5);
    await here.moveCursor(room, 'bob', 'phone', { epoch: 'Unknown', seq: 4 });
    expect(await here.cursor(room, 'bob', 'phone')).toEqual({ epoch: await here.epoch(room), seq: 0 });
  });

  test('many moves go in one call; those of rooms and memberships that are gone are ignored', async () => {
    const here = scene();
    const [red, blue] = [await here.roomOf('ada', 'bob'), await here.roomOf('ada')];
    for (const user of ['ada', 'bob']) await here.useDevice(user, 'phone');
    for (const room of [red, blue]) await here.postMany(room, 'ada', 3);
    const epoch = await here.epoch(red);
    const device = 'phone';
    await here.store.moveCursors([
      { room: here.room('nowhere'), user: 'ada', device, to: { epoch, seq: 1 } },
      { room: red, user: 'ada', device, to: { epoch, seq: 1 } },
      { room: blue, user: 'bob', device, to: { epoch: await here.epoch(blue), seq: 3 } },
      { room: red, user: 'bob', device, to: { epoch, seq: 2 } },
      { room: red, user: 'ada', device, to: { epoch, seq: 3 } },
    ]);
    expect(await here.cursor(red, 'ada', 'phone')).toMatchObject({ seq: 3 });
    expect(await here.cursor(red, 'bob', 'phone')).toMatchObject({ seq: 2 });
    expect(await here.cursor(blue, 'ada', 'phone')).toMatchObject({ seq: 0 });
    expect(await here.membership(blue, 'bob')).toBeUndefined();
    expect(await here.store.views('bob', undefined, [here.room('nowhere')])).toEqual([undefined]);
  });

  test('moves through two handles at once leave the furthest', async () => {
    const here = scene();
    const other = await here.second();
    const room = await here.roomOf('ada', 'bob');
    await here.useDevice('bob', 'phone');
    await here.postMany(room, 'ada', 30);
    const epoch = await here.epoch(room);
    await Promise.all(
      upTo(30).map((seq) =>
        (seq % 2 === 0 ? here.store : other).moveCursors([
          { room, user: 'bob', device: 'phone', to: { epoch, seq: 31 - seq } },
        ]),
      ),
    );
    expect((await here.membership(room, 'bob', 'phone', other))?.cursor).toEqual({ epoch, seq: 30 });
  });

  test('over the limit the longest unused device is forgotten, with its cursors', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.useDevice('bob', 'a', 2);
    await here.useDevice('bob', 'b', 2);
    await here.postMany(room, 'ada', 2);
    const epoch = await here.epoch(room);
    for (const device of ['a', 'b']) await here.moveCursor(room, 'bob', device, { epoch, seq: 1 });
    await here.useDevice('bob', 'a', 2);
    await here.useDevice('bob', 'c', 2);
    expect(await here.cursor(room, 'bob', 'a')).toMatchObject({ seq: 1 });
    expect(await here.cursor(room, 'bob', 'b')).toMatchObject({ seq: 0 });
    expect(await here.cursor(room, 'bob', 'c')).toMatchObject({ seq: 2 });
    // It comes back as one that was never seen.
    await here.useDevice('bob', 'b', 2);
    expect(await here.cursor(room, 'bob', 'b')).toMatchObject({ seq: 2 });
    expect(await here.cursor(room, 'bob', 'a')).toMatchObject({ seq: 0 });
  });

  test('a member has so many cursors in a room, however many devices say that they are one', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.postMany(room, 'ada', 2);
    const to = { epoch: await here.epoch(room), seq: 1 };
    const move = (devices: readonly string[], at = to) =>
      here.store.moveCursors(devices.map((device) => ({ room, user: 'bob', device, to: at })));
    const devices = upTo(MAX_CURSORS + 5).map((n) => `device-${n}`);
    await move(devices);
    expect(await here.cursor(room, 'bob', devices[MAX_CURSORS - 1] ?? '')).toMatchObject({ seq: 1 });
    expect(await here.cursor(room, 'bob', devices[MAX_CURSORS] ?? '')).toMatchObject({ seq: 0 });
    // Those that are there still move.
    await move(devices.slice(0, 1), { ...to, seq: 2 });
    expect(await here.cursor(room, 'bob', devices[0] ?? '')).toMatchObject({ seq: 2 });
  });

  test('a device that is not known is asked about, with how many rooms it is a step in', async () => {
    const here = scene();
    await here.roomOf('ada', 'bob');
    await here.roomOf('ada', 'bob');
    const asked: number[] = [];
    const use = (device: string, refusal?: Error) =>
      here.store.useDevice(here.user('bob'), device, 20, (rooms) => {
        asked.push(rooms);
        return refusal && Promise.reject(refusal);
      });
    await use('phone');
    await use('phone');
    await expect(use('tablet', new Error('too many'))).rejects.toThrow('too many');
    expect((await here.store.devices(here.user('bob'))).map(({ device }) => device)).toEqual(['phone']);
    await use('tablet');
    await use('phone');
    expect(asked).toEqual([2, 2, 2]);
  });

  test('leaving forgets the cursors', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.useDevice('bob', 'phone');
    await here.postMany(room, 'ada', 3);
    await here.moveCursor(room, 'bob', 'phone', { epoch: await here.epoch(room), seq: 2 });
    await here.store.leave(room, 'bob');
    await here.postMany(room, 'ada', 3);
    await here.join(room, 'bob');
    await here.post(room, 'ada', 'after');
    expect(await here.cursor(room, 'bob', 'phone')).toMatchObject({ seq: 7 });
  });

  test('joining answers with the cursor of the device that asks', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.useDevice('bob', 'phone');
    await here.postMany(room, 'ada', 3);
    await here.moveCursor(room, 'bob', 'phone', { epoch: await here.epoch(room), seq: 2 });
    expect((await here.join(room, 'bob', { device: 'phone' })).membership.cursor).toMatchObject({ seq: 2 });
    expect((await here.join(room, 'bob')).membership.cursor).toMatchObject({ seq: 0 });
  });

  test('in a new epoch a cursor moves forwards to a lower seq, and not back into the old one', async () => {
    const here = scene();
    const room = await here.roomOf('ada', 'bob');
    await here.useDevice('bob', 'phone');
    await here.postMany(room, 'ada', 5);
    const old = await here.epoch(room);
    await here.moveCursor(room, 'bob', 'phone', { epoch: old, seq: 5 });
    await here.newLife();
    expect(await here.cursor(room, 'bob', 'phone')).toEqual({ epoch: old, seq: 5 });
    const present = await here.epoch(room);
    await here.moveCursor(room, 'bob', 'phone', { epoch: present, seq: 3 });
    expect(await here.cursor(room, 'bob', 'phone')).toEqual({ epoch: present, seq: 3 });
    await here.moveCursor(room, 'bob', 'phone', { epoch: old, seq: 5 });
    expect(await here.cursor(room, 'bob', 'phone')).toEqual({ epoch: present, seq: 3 });
  });
}
