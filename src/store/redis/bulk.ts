/**
 * The values of many small keys: for 10,000 rooms every 2 s, so it must cost next to nothing.
 *
 * A Cluster takes no MGET over two slots, and a GET for each key costs ten times as much. So each
 * server is asked by a script that reads what it has, by names that are not declared: allowed
 * as long as nothing is written, and where it is not (a slot on its way, a Redis that insists)
 * the keys are read one by one.
 */
import { StoreUnavailable } from '../../chat/store-unavailable.ts';
import { chunks } from './chunks.ts';
import { listOf } from './records.ts';
import type { RedisLink } from './redis-link.ts';
import { Script } from './script.ts';

/** Keys of one command; a long one holds up everybody's commits. */
const BULK = 500;

const GET_ALL = new Script(
  'getAll',
  `
local values = {}
for i, key in ipairs(ARGV) do values[i] = redis.call('GET', key) end
return values
`,
);

/** Null: there is none; undefined: its server did not answer. */
type Value = string | null | undefined;

/**
 * In the order asked. A server of a Cluster that does not answer gives undefined for its keys; where
 * none of them answers, it rejects.
 */
export async function readMany(link: RedisLink, keys: readonly string[]): Promise<Value[]> {
  if (!link.isCluster) {
    const parts = chunks(keys, BULK).map((part) => link.send(part[0] ?? '', ['MGET', ...part]));
    return (await Promise.all(parts)).flatMap((part) => listOf(part)).map(valueOf);
  }
  const byNode = new Map<string, number[]>();
  for (const [i, key] of keys.entries()) {
    const name = link.nodeNameOf(key);
    const known = byNode.get(name);
    if (known === undefined) byNode.set(name, [i]);
    else known.push(i);
  }
  const values: Value[] = keys.map(() => undefined);
  const tasks = [...byNode].flatMap(([name, places]) =>
    chunks(places, BULK).map(async (part) => {
      const found = await readOn(
        link,
        name,
        part.map((i) => keys[i] ?? ''),
      );
      for (const [k, i] of part.entries()) values[i] = found[k];
    }),
  );
  const outcomes = await Promise.allSettled(tasks);
  const failures = outcomes.filter((outcome) => outcome.status === 'rejected');
  const [failure] = failures;
  if (failure !== undefined && (failures.length === outcomes.length || !isPassing(failure.reason)))
    throw failure.reason;
  return values;
}

async function readOn(link: RedisLink, name: string, keys: readonly string[]): Promise<Value[]> {
  try {
    return listOf(await link.runOn(name, GET_ALL, keys)).map(valueOf);
  } catch (error) {
    if (isPassing(error)) throw error;
    return (await Promise.all(keys.map((key) => link.send(key, ['GET', key])))).map(valueOf);
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof StoreUnavailable;
}

function valueOf(reply: unknown): Value {
  return typeof reply === 'string' ? reply : null;
}
