/**
 * The LMDB environment that all workers of a server share: its databases, and the life of the
 * data (G12).
 *
 * Keys begin with a room's or user's full identity, so one range is one room. The log's key is
 * `[room, seq]`; its value is the stored form of entry.ts, as text.
 */
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { hostname, uptime } from 'node:os';
import { join } from 'node:path';
import { open, type Database, type RootDatabase } from 'lmdb';
import type { RoomId, UserId } from '../../chat/identity.ts';
import type { MemberRecord, RoomRecord, UserRecord } from './records.ts';

const MAX_READERS = 1_024;
const DATA_FILE = 'chat.mdb';

export interface Environment {
  readonly root: RootDatabase;
  readonly rooms: Database<RoomRecord, RoomId>;
  readonly log: Database<string, [RoomId, number]>;
  readonly members: Database<MemberRecord, [RoomId, string]>;
  /** (room, author, id) → `<epoch> <seq> <at>` */
  readonly ids: Database<string, [RoomId, string, string]>;
  /** Ids whose message retention took: (room, seq) → `<at> <author> <id>` */
  readonly gone: Database<string, [RoomId, number]>;
  readonly users: Database<UserRecord, UserId>;
  readonly index: Database<number, [UserId, RoomId]>;
  /** Compared with the life a room was last written in. */
  readonly life: string;
  /** Throws when the data file is not the one that was opened. */
  checkFile(): void;
}

export interface EnvironmentOptions {
  /** The machine's boot; another one may have lost what was not flushed. */
  readonly boot?: string | undefined;
}

export function openEnvironment(
  dir: string,
  { boot = bootOfMachine() }: EnvironmentOptions = {},
): Environment {
  mkdirSync(dir, { recursive: true });
  const path = join(dir, DATA_FILE);
  const root = open({ path, maxReaders: MAX_READERS, maxDbs: 16, noMemInit: true });
  const json = { encoding: 'json' } as const;
  const text = { encoding: 'string' } as const;
  // A copy that was put in place of the data has another inode.
  const { ino } = statSync(path);
  return {
    root,
    rooms: root.openDB({ name: 'rooms', ...json }),
    log: root.openDB({ name: 'log', ...text }),
    members: root.openDB({ name: 'members', ...json }),
    ids: root.openDB({ name: 'ids', ...text }),
    gone: root.openDB({ name: 'gone', ...text }),
    users: root.openDB({ name: 'users', ...json }),
    index: root.openDB({ name: 'index', ...json }),
    life: `${boot}:${ino}`,
    checkFile() {
      if (statSync(path, { throwIfNoEntry: false })?.ino !== ino)
        throw new Error(`${path} is gone or was replaced; restart the server`);
    },
  };
}

/** Changes with every boot, and only then. */
function bootOfMachine(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    // Elsewhere: the minute of the boot, which a clock set right at start may shift, for the safe side.
    return `${hostname()}@${Math.round((Date.now() / 1_000 - uptime()) / 60)}`;
  }
}
