/** Full rooms are looked through, each for itself, and not each time somebody asks. */
import { expect, test } from 'vitest';
import { roomId } from '../../src/chat/identity.ts';
import { SanctionLimit, SanctionsFull } from '../../src/store/sanction-limit.ts';

function scene() {
  const limit = new SanctionLimit();
  const looked: string[] = [];
  /** In a room that is full until what is over is ended; `over`: whether anything is. */
  const act = (name: string, over: boolean): Promise<string> => {
    let isFull = true;
    return limit.run(
      roomId('/', name),
      async () => {
        if (isFull) throw new SanctionsFull(10);
        return 'done';
      },
      async () => {
        looked.push(name);
        isFull = !over;
        return over ? 1 : 0;
      },
    );
  };
  return { act, looked };
}

test('what is over makes place, in one room whatever is asked of another that stays full', async () => {
  const { act, looked } = scene();
  for (let i = 0; i < 3; i += 1) await expect(act('full', false)).rejects.toThrow('at most 10');
  expect(looked).toEqual(['full']);
  expect(await act('other', true)).toBe('done');
  expect(looked).toEqual(['full', 'other']);
});

test('so many rooms at once, and no more, are looked through', async () => {
  const { act, looked } = scene();
  for (let i = 0; i < 300; i += 1) await act(`r${i}`, false).catch(() => {});
  expect(looked).toHaveLength(100);
});
