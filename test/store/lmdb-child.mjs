/**
 * A process of its own with an LMDB store, for tests: does what it is told over IPC.
 *
 * `{ n, method, args }` is answered with `{ n, value }` or `{ n, error }`. `inside` names a
 * signal that the process sends itself in the middle of a transaction.
 */
import { setTimeout } from 'node:timers/promises';
import { claimDataDir } from '../../dist/store/lmdb/data-dir.js';
import { LmdbStore } from '../../dist/store/lmdb/lmdb-store.js';

const [dir, boot, claims] = process.argv.slice(2);
if (claims === 'claim') await claimDataDir(dir);
const store = await LmdbStore.open(dir, { boot });

const commands = {
  async append(batches) {
    const { rooms, durable } = await store.append(batches);
    return { rooms, durable: await durable };
  },
  /** Not at once: whoever asks may block its event loop meanwhile. */
  async appendLater(ms, batches) {
    await setTimeout(ms);
    return commands.append(batches);
  },
  async retain(policy) {
    await store.retain(policy, new AbortController().signal);
  },
  async inside(signal, room, from) {
    const late = {
      from,
      id: 'from inside',
      kind: 'text',
      get tail() {
        process.kill(process.pid, signal);
        return `"from":"${from}","id":"from inside","kind":"text","text":"never"}`;
      },
    };
    const before = {
      from,
      id: 'before',
      kind: 'text',
      tail: `"from":"${from}","id":"before","kind":"text"}`,
    };
    await store.append([{ room, drafts: [before, late] }]);
  },
};

process.on('message', ({ n, method, args }) => {
  const call = commands[method] ?? ((...given) => store[method](...given));
  Promise.resolve()
    .then(() => call(...args))
    .then(
      (value) => process.send({ n, value }),
      ({ name, code, message }) => process.send({ n, error: { name, code, message } }),
    );
});
process.on('disconnect', () => process.exit());
process.send({ n: 0, value: 'open' });
