/**
 * What is on the disk for sure: each process keeps, in a small file of its own beside the data,
 * the meta page of the newest commit that it has flushed (flusher.ts).
 *
 * Two places are written in turn, each with a checksum: a write that is cut off leaves the other.
 */
import {
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  write,
  writeSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { isAlive } from './alive.ts';
import { metaOf, type Meta } from './meta-page.ts';

const NAME = /^flushed-(\d+)-[0-9a-f]+$/;
const PLACE_BYTES = 4_096;
const { O_CREAT, O_EXCL, O_WRONLY, O_DSYNC } = constants;

const writeAt = promisify(write);

/** The data file and the boot that a record is of. */
export interface Origin {
  readonly file: string;
  readonly boot: string;
}

export interface FoundRecord extends Origin {
  /** Of the file that it is in. */
  readonly name: string;
  readonly meta: Meta;
}

const own = new Set<string>();

export class FlushedRecord {
  readonly #name: string;
  readonly #fd: number;
  readonly #origin: Origin;
  #place = 0;
  /** What follows the text may be left of a longer one, and is not read. */
  readonly #page = Buffer.alloc(PLACE_BYTES);

  /** The file is there for good when this returns; there is nothing in it yet. */
  constructor(dir: string, origin: Origin) {
    this.#name = `flushed-${process.pid}-${randomBytes(4).toString('hex')}`;
    this.#origin = origin;
    own.add(this.#name);
    // A write that ends is on the disk: one way to a thread and back instead of two.
    this.#fd = openSync(join(dir, this.#name), O_CREAT | O_EXCL | O_WRONLY | O_DSYNC);
    writeSync(this.#fd, Buffer.alloc(2 * PLACE_BYTES));
    fsyncSync(this.#fd);
    syncDirectory(dir);
  }

  /** One at a time. Resolves when it is on the disk. A failure spoils nothing that was recorded before. */
  async write({ bytes }: Meta, sync: (fd: number) => Promise<void>): Promise<void> {
    const text = JSON.stringify({ ...this.#origin, meta: bytes.toString('base64') });
    this.#page.write(`${checksum(text)}\n${text}\n`);
    // On a thread: a disk that stands still keeps a write waiting.
    const { bytesWritten } = await writeAt(this.#fd, this.#page, 0, PLACE_BYTES, this.#place * PLACE_BYTES);
    if (bytesWritten < PLACE_BYTES) throw new Error(`the disk took ${bytesWritten} of ${PLACE_BYTES} bytes`);
    await sync(this.#fd);
    this.#place = 1 - this.#place;
  }

  /** The record stays: it is what the next one to open the data can rely on. */
  close(): void {
    closeSync(this.#fd);
    own.delete(this.#name);
  }
}

/** Of all processes, dead ones too; without what is not whole. */
export function readRecords(dir: string): FoundRecord[] {
  return namesOf(dir).flatMap((name) => {
    const bytes = readFileSync(join(dir, name));
    return [0, PLACE_BYTES].flatMap((at) => parse(name, bytes.toString('utf8', at, at + PLACE_BYTES)) ?? []);
  });
}

/**
 * Files of processes that are dead. They may go when somebody else has recorded a commit that is
 * no older: not before a record that was begun after this call.
 */
export function leftRecords(dir: string): string[] {
  return namesOf(dir).filter((name) => {
    const pid = Number(NAME.exec(name)?.[1]);
    return pid === process.pid ? !own.has(name) : !isAlive(pid);
  });
}

export function removeRecords(dir: string, names: readonly string[]): void {
  for (const name of names) rmSync(join(dir, name), { force: true });
}

export function syncDirectory(dir: string): void {
  const fd = openSync(dir, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function namesOf(dir: string): string[] {
  return readdirSync(dir).filter((name) => NAME.test(name));
}

function checksum(text: string): string {
  return crc32(text).toString(16);
}

function parse(name: string, place: string): FoundRecord | undefined {
  const [sum, text = ''] = place.split('\n');
  if (text === '' || sum !== checksum(text)) return undefined;
  const { file, boot, meta } = JSON.parse(text) as { file: string; boot: string; meta: string };
  const found = metaOf(Buffer.from(meta, 'base64'));
  return found === undefined ? undefined : { name, file, boot, meta: found };
}
