/** The contract, on LMDB. */
import { storeContract } from '../contract/store-contract.ts';
import { openLmdb } from './lmdb-opened.ts';

storeContract('LmdbStore', () => openLmdb());
