/**
 * The LMDB environment that all workers of a server share: its databases, and the life of the
 * data (G12).
 *
 * Keys begin with a room's or user's full identity, so one range is one room. The log's key is
 * `[room, seq]`; its value is the stored form of entry.ts, as text.
 */
import { readFileSync, statfsSync } from 'node:fs';
import { hostname, uptime } from 'node:os';
import { join } from 'node:path';
import { open, type Database, type RootDatabase } from 'lmdb';
import type { RoomId, UserId } from '../../chat/identity.ts';
import { DATA_FILE, identityOf, makeDirectory, restoresOf } from './data-dir.ts';
import type { MemberRecord, UserRecord } from './records.ts';
import { RoomTable } from './room-table.ts';

const MAX_READERS = 1_024;
/** Less, and a commit may fail at any time. */
const MIN_FREE_BYTES = 4_194_304;

export interface Environment {
  readonly root: RootDatabase;
  /** Where everything is. */
  readonly path: string;
  readonly rooms: RoomTable;
  readonly log: Database<string, [RoomId, number]>;
  readonly members: Database<MemberRecord, [RoomId, string]>;
  /** (room, author, id) → `<epoch> <seq> <at>` */
  readonly ids: Database<string, [RoomId, string, string]>;
  /** Ids whose message retention took: (room, seq) → `<at> <author> <id>` */
  readonly gone: Database<string, [RoomId, number]>;
  /** A user's texts: (room, user, the how-manieth) → seq */
  readonly owns: Database<number, [RoomId, string, number]>;
  /** Nothing that is read: written to see whether it can be. */
  readonly probe: Database<string, string>;
  readonly users: Database<UserRecord, UserId>;
  readonly index: Database<number, [UserId, RoomId]>;
  /** Compared with the life a room was last written in. */
  readonly life: string;
  /** Throws when the data file is not the one that was opened. */
  checkFile(): void;
  /** Throws when the disk is as good as full. */
  checkSpace(): void;
}

export interface EnvironmentOptions {
  /** The machine's boot; another one may have lost what was not flushed. */
  readonly boot?: string | undefined;
  /** The file that was claimed (`Claim.dataFile`); none: whatever is there, or a new one. */
  readonly dataFile?: string | undefined;
}

export function openEnvironment(
  dir: string,
  { boot = bootOfMachine(), dataFile }: EnvironmentOptions = {},
): Environment {
  const path = join(dir, DATA_FILE);
  // While the claimed one is away, a worker that starts would begin a second chat in its place.
  if (dataFile === undefined) makeDirectory(dir);
  else checkIdentity(path, dataFile);
  const root = open({
    path,
    maxReaders: MAX_READERS,
    maxDbs: 16,
    // With it on, each turn has a promise of LMDB's own, which nobody could catch.
    eventTurnBatching: false,
    // With it, processes that come and go undo each other's newest commits now and then, and one
    // killed while it flushes leaves another that can write no more (docs/traps.md).
    overlappingSync: false,
    // A commit flushes its data and leaves its meta page to the flusher, which others share and
    // for which the writer lock is not held. What a crash of the machine may undo is the last
    // commit, and that is not answered before (G4).
    noMetaSync: true,
  });
  const json = { encoding: 'json' } as const;
  const text = { encoding: 'string' } as const;
  const file = identityOf(path);
  return {
    root,
    path,
    rooms: new RoomTable(root.openDB({ name: 'rooms', ...text })),
    log: root.openDB({ name: 'log', ...text }),
    members: root.openDB({ name: 'members', ...json }),
    ids: root.openDB({ name: 'ids', ...text }),
    gone: root.openDB({ name: 'gone', ...text }),
    owns: root.openDB({ name: 'owns', ...json }),
    probe: root.openDB({ name: 'probe', ...text }),
    users: root.openDB({ name: 'users', ...json }),
    index: root.openDB({ name: 'index', ...json }),
    life: `${boot}:${file}:${restoresOf(dir)}`,
    checkFile: () => checkIdentity(path, file),
    checkSpace() {
      const { bavail, bsize } = statfsSync(dir);
      if (bavail * bsize < MIN_FREE_BYTES)
        throw new Error(`${dir} has ${bavail * bsize} bytes free, at least ${MIN_FREE_BYTES} are needed`);
    },
  };
}

function checkIdentity(path: string, file: string | undefined): void {
  if (identityOf(path) !== file)
    throw new Error(`${path} is gone or was replaced; put it back, or restart the server`);
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
