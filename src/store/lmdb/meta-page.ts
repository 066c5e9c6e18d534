/**
 * LMDB's two meta pages, the first of the data file: written in turn, each names the roots of one
 * commit. Their shape is `MDB_meta` in the mdb.c of lmdb-js, 64 bits, little-endian; it is checked
 * wherever one is read.
 */
import { readSync, writeSync } from 'node:fs';

/** After the page's header. */
const META_AT = 24;
const META_BYTES = 144;
const MAGIC = 0xbeef_c0de;
const VERSION = 2;
const VERSION_AT = 4;
const PAGE_BYTES_AT = 24;
const COMMIT_AT = 128;
const MAX_READS = 1_000;
const NO_META = 'the data file has no meta page that lmdb-js 3 writes';

/** The roots of one commit, and which it is: commits are counted from 0. */
export interface Meta {
  readonly commit: number;
  readonly bytes: Buffer;
}

/** Of the newest commit that others see. Throws where the file is none of LMDB's. */
export function readNewestMeta(fd: number): Meta {
  // A writer may be in the middle of one; what reads the same twice is whole.
  let [first, second] = readBoth(fd);
  for (let i = 0; i < MAX_READS; i += 1) {
    const [againFirst, againSecond] = readBoth(fd);
    if (first.equals(againFirst) && second.equals(againSecond)) {
      const metas = [first, second].map((bytes) => metaOf(bytes)).filter((meta) => meta !== undefined);
      const [newest] = metas.toSorted((a, b) => b.commit - a.commit);
      if (newest === undefined) throw new Error(NO_META);
      return newest;
    }
    first = againFirst;
    second = againSecond;
  }
  throw new Error('the meta pages change faster than they can be read');
}

/** The newest commit's number, with the writer lock held: nobody is in the middle of one. */
export function readNewestCommit(fd: number): number {
  let newest = -1;
  for (let page = 0, at = META_AT; page < 2; page += 1) {
    readSync(fd, scratch, 0, META_BYTES, at);
    newest = Math.max(newest, metaOf(scratch)?.commit ?? -1);
    at += pageBytesOf(scratch);
  }
  if (newest < 0) throw new Error(NO_META);
  return newest;
}

const scratch = Buffer.alloc(META_BYTES);

/** Makes `meta` the file's newest commit, whatever came after it. Only while nobody has it open. */
export function putBackMeta(fd: number, { bytes }: Meta): void {
  for (const at of [META_AT, pageBytesOf(bytes) + META_AT]) writeSync(fd, bytes, 0, META_BYTES, at);
}

/** Undefined where the bytes are no meta page. */
export function metaOf(bytes: Buffer): Meta | undefined {
  const isOurs =
    bytes.length === META_BYTES &&
    bytes.readUInt32LE(0) === MAGIC &&
    (bytes.readUInt32LE(VERSION_AT) & 0xffff) === VERSION;
  return isOurs ? { commit: Number(bytes.readBigUInt64LE(COMMIT_AT)), bytes } : undefined;
}

function readBoth(fd: number): [Buffer, Buffer] {
  const first = readAt(fd, META_AT);
  return [first, readAt(fd, pageBytesOf(first) + META_AT)];
}

function readAt(fd: number, at: number): Buffer {
  const bytes = Buffer.alloc(META_BYTES);
  readSync(fd, bytes, 0, META_BYTES, at);
  return bytes;
}

function pageBytesOf(meta: Buffer): number {
  return meta.readUInt32LE(PAGE_BYTES_AT);
}
