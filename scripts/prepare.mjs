/** Installs and builds what is missing or stale, and nothing else. For CI and hooks. */
import { checkNode } from './lib/node-version.mjs';

checkNode();

const { prepare } = await import('./lib/prepare.mjs');
await prepare();
