/**
 * The LMDB environment that all workers of a server share: its databases, and the life of the
 * data (G12).
 *
 * Keys begin with a room's or user's full identity, so one range is one room. The log's key is
 * `[room, seq]`; its value is the stored form of entry.ts, as text.
 */
import { closeSync, constants, existsSync, openSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { ABORT, open, type Database, type RootDatabase } from 'lmdb';
import type { RoomId, UserId } from '../../chat/identity.ts';
import type { Order } from '../../chat/orders.ts';
import type { Sanction } from '../../chat/rights.ts';
import type { Position } from '../../protocol/words.ts';
import { bootOfMachine } from './boot.ts';
import { birthOf, DATA_FILE, filesOf, identityOf, lockOf, makeDirectory, restoresOf } from './data-dir.ts';
import { Flusher, type FlusherOptions } from './flusher.ts';
import type {
  Amendment,
  GraveRecord,
  LeaseRecord,
  MemberRecord,
  PresenceEntries,
  TokenRecord,
  UserRecord,
} from './records.ts';
import { FAILED_FILE } from './recovery.ts';
import { mapBytes } from './map-size.ts';
import { RoomTable } from './room-table.ts';
import { StaleBase } from './stale-base.ts';
import { WriterLock } from './writer-lock.ts';

const MAX_READERS = 1_024;
/** Of others that open the data at the same time, again and again. */
const MAX_TRIES = 100;
/** Less, and a commit may fail at any time. */
const MIN_FREE_BYTES = 4_194_304;

export interface Environment {
  readonly root: RootDatabase;
  readonly flusher: Flusher;
  readonly base: StaleBase;
  readonly lock: WriterLock;
  readonly rooms: RoomTable;
  readonly log: Database<string, [RoomId, number]>;
  readonly members: Database<MemberRecord, [RoomId, string]>;
  /** (room, author, id) → `<epoch> <seq> <at>` */
  readonly ids: Database<string, [RoomId, string, string]>;
  /** Ids whose message retention took: (room, seq) → `<at> <author> <id>` */
  readonly gone: Database<string, [RoomId, number]>;
  /** A user's texts: (room, user, the how-manieth) → seq */
  readonly owns: Database<number, [RoomId, string, number]>;
  /** What is held against a user in a room. */
  readonly sanctions: Database<Sanction, [RoomId, string]>;
  /** Of text entries that were edited or deleted. */
  readonly amendments: Database<Amendment, [RoomId, number]>;
  /** Whom a user blocks: (user, other) → since when */
  readonly blocks: Database<number, [UserId, string]>;
  readonly leases: Database<LeaseRecord, string>;
  readonly presence: Database<PresenceEntries, UserId>;
  /** Whom a lease has entered. */
  readonly holds: Database<number, [string, UserId]>;
  /** Shared limits: what of a window is taken, and until when it lasts. */
  readonly tokens: Database<TokenRecord, string>;
  /** role → the lease that has it */
  readonly roles: Database<string, string>;
  /** Receivers of hooks → since when */
  readonly hooks: Database<number, string>;
  readonly hookPlaces: Database<Position, [string, RoomId]>;
  /** The public rooms: a list of them must not pass through all others. */
  readonly listed: Database<number, RoomId>;
  readonly graves: Database<GraveRecord, RoomId>;
  /** Deleted rooms that are not cleared yet. */
  readonly dirty: Database<number, RoomId>;
  /** By number. */
  readonly orders: Database<Order, number>;
  /** Nothing that is read: written to see whether it can be. */
  readonly probe: Database<string, string>;
  readonly users: Database<UserRecord, UserId>;
  readonly index: Database<number, [UserId, RoomId]>;
  /** Of the machine. */
  readonly boot: string;
  /** Compared with the life a room was last written in. */
  readonly life: string;
  /** Throws when the data file and its lock file are not those that were opened. */
  checkFiles(): void;
  /** Throws when the disk is as good as full. */
  checkSpace(): void;
}

export interface EnvironmentOptions extends Pick<FlusherOptions, 'sync' | 'apartMs' | 'patientMs'> {
  /** The machine's boot; another one may have lost what was not flushed. */
  readonly boot?: string | undefined;
  /** The files that were claimed (`Claim.dataFiles`); none: whatever is there, or a new one. */
  readonly dataFiles?: string | undefined;
}

export async function openEnvironment(
  dir: string,
  { boot = bootOfMachine(), dataFiles, sync, apartMs, patientMs }: EnvironmentOptions = {},
): Promise<Environment> {
  const path = join(dir, DATA_FILE);
  // While the claimed one is away, a worker that starts would begin a second chat in its place.
  if (dataFiles === undefined) makeDirectory(dir);
  else checkFiles(path, dataFiles);
  // Opened before the look: a flush that fails from here on is told to this descriptor too.
  const fd = openSync(path, constants.O_RDWR | (dataFiles === undefined ? constants.O_CREAT : 0));
  let root: RootDatabase | undefined;
  try {
    if (existsSync(join(dir, FAILED_FILE)))
      throw new Error(
        'a flush of the data failed; start the server again, it goes back to what is on the disk',
      );
    root = openRoot(path);
    const files = dataFiles ?? filesOf(path);
    checkFiles(path, files);
    const base = new StaleBase(root, lockOf(path), fd);
    const lock = new WriterLock(lockOf(path));
    mendAtOnce(root, base, lock);
    // Of those that died: LMDB would keep the pages that they were reading.
    root.readerCheck();
    const flusher = await Flusher.open(root, dir, fd, {
      origin: { file: birthOf(path), boot },
      sync,
      apartMs,
      patientMs,
    });
    const tables = openTables(root, base);
    return {
      root,
      flusher,
      base,
      lock,
      ...tables,
      boot,
      life: `${boot}:${identityOf(path)}:${restoresOf(dir)}`,
      checkFiles: () => checkFiles(path, files),
      checkSpace() {
        const { bavail, bsize } = statfsSync(dir);
        if (bavail * bsize < MIN_FREE_BYTES)
          throw new Error(`${dir} has ${bavail * bsize} bytes free, at least ${MIN_FREE_BYTES} are needed`);
      },
    };
  } catch (error) {
    await root?.close();
    closeSync(fd);
    throw error;
  }
}

function openRoot(path: string): RootDatabase {
  return open({
    path,
    maxReaders: MAX_READERS,
    maxDbs: 32,
    mapSize: mapBytes(),
    // With it on, each turn has a promise of LMDB's own, which nobody could catch.
    eventTurnBatching: false,
    // With it, a process that is killed while it flushes leaves another that can write no more
    // (docs/traps.md).
    overlappingSync: false,
    // The flusher does it, without LMDB's writer lock (flusher.ts).
    noSync: true,
  });
}

/** Until somebody does, the others' reads may miss what was committed while this one opened the file. */
function mendAtOnce(root: RootDatabase, base: StaleBase, lock: WriterLock): void {
  root.transactionSync(() => {
    lock.find();
    base.mend();
    return ABORT;
  });
}

/** In one transaction, which makes those that are not there. */
function openTables(root: RootDatabase, base: StaleBase) {
  const json = { encoding: 'json' } as const;
  const text = { encoding: 'string' } as const;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    let tables: ReturnType<typeof open> | undefined;
    const open = () => ({
      rooms: new RoomTable(root.openDB({ name: 'rooms', ...text })),
      log: root.openDB<string, [RoomId, number]>({ name: 'log', ...text }),
      members: root.openDB<MemberRecord, [RoomId, string]>({ name: 'members', ...json }),
      ids: root.openDB<string, [RoomId, string, string]>({ name: 'ids', ...text }),
      gone: root.openDB<string, [RoomId, number]>({ name: 'gone', ...text }),
      owns: root.openDB<number, [RoomId, string, number]>({ name: 'owns', ...json }),
      sanctions: root.openDB<Sanction, [RoomId, string]>({ name: 'sanctions', ...json }),
      amendments: root.openDB<Amendment, [RoomId, number]>({ name: 'amendments', ...json }),
      blocks: root.openDB<number, [UserId, string]>({ name: 'blocks', ...json }),
      leases: root.openDB<LeaseRecord, string>({ name: 'leases', ...json }),
      presence: root.openDB<PresenceEntries, UserId>({ name: 'presence', ...json }),
      holds: root.openDB<number, [string, UserId]>({ name: 'holds', ...json }),
      tokens: root.openDB<TokenRecord, string>({ name: 'tokens', ...json }),
      roles: root.openDB<string, string>({ name: 'roles', ...text }),
      hooks: root.openDB<number, string>({ name: 'hooks', ...json }),
      hookPlaces: root.openDB<Position, [string, RoomId]>({ name: 'hookPlaces', ...json }),
      listed: root.openDB<number, RoomId>({ name: 'listed', ...json }),
      graves: root.openDB<GraveRecord, RoomId>({ name: 'graves', ...json }),
      dirty: root.openDB<number, RoomId>({ name: 'dirty', ...json }),
      orders: root.openDB<Order, number>({ name: 'orders', ...json }),
      probe: root.openDB<string, string>({ name: 'probe', ...text }),
      users: root.openDB<UserRecord, UserId>({ name: 'users', ...json }),
      index: root.openDB<number, [UserId, RoomId]>({ name: 'index', ...json }),
    });
    root.transactionSync(() => {
      if (base.mend()) return ABORT;
      tables = open();
      listRooms(tables);
      return undefined;
    });
    if (tables !== undefined) return tables;
  }
  throw new Error(`the data could not be opened in ${MAX_TRIES} tries`);
}

/** No room's: the list is there. */
const LISTED = '-' as RoomId;

/** Data from before there was a list of public rooms, and of those to be cleared. */
function listRooms({
  rooms,
  listed,
  graves,
  dirty,
}: Pick<Environment, 'rooms' | 'listed' | 'graves' | 'dirty'>): void {
  if (listed.get(LISTED) !== undefined) return;
  void listed.put(LISTED, 1);
  for (const { key, value } of rooms.range({})) if (value.kind === 'public') void listed.put(key, 1);
  for (const { key, value } of graves.getRange({})) if (value.isDirty) void dirty.put(key, 1);
}

function checkFiles(path: string, files: string | undefined): void {
  if (filesOf(path) !== files)
    throw new Error(`${path} or ${lockOf(path)} is gone or was replaced; put it back, or restart the server`);
}
