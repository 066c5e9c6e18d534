/** Claims a data directory; the primary does it, so no store is opened there. */
export { claimDataDir } from '../store/lmdb/data-dir.ts';
