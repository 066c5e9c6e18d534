/**
 * CPU time and memory of processes, from /proc.
 *
 * The kernel counts CPU in hundredths of a second, so what is measured should last seconds.
 * A process that has ended counts as nothing: whoever measures keeps what is measured alive.
 */
import { readdir, readFile } from 'node:fs/promises';

/** USER_HZ: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const PAGE_KILOBYTES = 4;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly cpuSeconds: number;
}

/** /proc/<pid>/stat; undefined when there is no such process. */
async function readStat(pid: number): Promise<Stat | undefined> {
  let text: string;
  try {
    text = await readFile(`/proc/${pid}/stat`, 'latin1');
  } catch {
    // Gone between two looks: that is its answer.
    return undefined;
  }
  // The name in brackets may contain anything; the fields begin after the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { pid, parent: Number(fields[1]), cpuSeconds: ticks / TICKS_PER_SECOND };
}

/** User and system time of these processes together, since each began. */
export async function cpuSeconds(pids: readonly number[]): Promise<number> {
  const stats = await Promise.all(pids.map(readStat));
  return stats.reduce((sum, stat) => sum + (stat?.cpuSeconds ?? 0), 0);
}

/** The children of a process. */
export async function childrenOf(parent: number): Promise<number[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(names.map((name) => readStat(Number(name))));
  return stats.flatMap((stat) => (stat?.parent === parent ? [stat.pid] : []));
}

/** Resident memory of these processes together. Pages that they share count for each. */
export async function rssBytes(pids: readonly number[]): Promise<number> {
  const sizes = await Promise.all(
    pids.map(async (pid) => {
      const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '');
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024;
    }),
  );
  return sizes.reduce((a, b) => a + b, 0);
}

/**
 * What the kernel itself holds, for the whole machine: its objects (a socket, its inode, its
 * timers), stacks, page tables, and the buffers of TCP.
 */
export async function kernelBytes(): Promise<number> {
  const [memory, sockets] = await Promise.all([
    readFile('/proc/meminfo', 'latin1'),
    readFile('/proc/net/sockstat', 'latin1'),
  ]);
  return kernelBytesOf(memory, sockets);
}

/** From the texts of /proc/meminfo and /proc/net/sockstat. */
export function kernelBytesOf(memory: string, sockets: string): number {
  const kilobytes = ['Slab', 'KernelStack', 'PageTables'].map((name) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(memory)?.[1] ?? 0),
  );
  const tcpPages = Number(/^TCP: .* mem (\d+)$/m.exec(sockets)?.[1] ?? 0);
  return kilobytes.reduce((a, b) => a + b, tcpPages * PAGE_KILOBYTES) * 1_024;
}

/** Who takes part in a run. */
export interface Roles {
  readonly primary: readonly number[];
  readonly workers: readonly number[];
  readonly redis: readonly number[];
  readonly load: readonly number[];
}

export type CpuByRole = Readonly<Record<keyof Roles, number>>;

export async function cpuByRole(roles: Roles): Promise<CpuByRole> {
  const [primary, workers, redis, load] = await Promise.all([
    cpuSeconds(roles.primary),
    cpuSeconds(roles.workers),
    cpuSeconds(roles.redis),
    cpuSeconds(roles.load),
  ]);
  return { primary, workers, redis, load };
}

export function cpuBetween(before: CpuByRole, after: CpuByRole): CpuByRole {
  return {
    primary: after.primary - before.primary,
    workers: after.workers - before.workers,
    redis: after.redis - before.redis,
    load: after.load - before.load,
  };
}
