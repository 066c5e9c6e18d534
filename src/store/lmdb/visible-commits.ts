/**
 * When a commit can be seen by every process, which is before it is flushed to the disk.
 *
 * LMDB's overlapping sync makes a transaction visible, lets the next writer in, and flushes
 * then. lmdb-js 3.5.6 hears of the first moment from its native writer (status 1 of
 * `startWriting`), but resolves a transaction's promise at the second only, since the mark it
 * looks for is set after the flush. So the call is listened to here. Without a public name,
 * and where its shape is another one, a commit counts as visible when it is flushed.
 */
import type { RootDatabase } from 'lmdb';

const VISIBLE = 1;

type OnStatus = (status: number) => unknown;

interface NativeEnvironment {
  startWriting(address: number, onStatus: OnStatus): unknown;
}

/** Returns how to name the listener of the transaction that is begun next. */
export function watchCommits(root: RootDatabase): (onVisible: () => void) => void {
  const env = nativeEnvironment(root);
  let next: (() => void) | undefined;
  if (env !== undefined) {
    const start = env.startWriting.bind(env);
    const startWriting = (address: number, onStatus: OnStatus): unknown => {
      const onVisible = next;
      next = undefined;
      return start(address, (status) => {
        const result = onStatus(status);
        if (status === VISIBLE) onVisible?.();
        return result;
      });
    };
    // The prototype's is read-only: assigning would throw.
    Object.defineProperty(env, 'startWriting', { value: startWriting });
  }
  return (onVisible) => {
    next = onVisible;
  };
}

function nativeEnvironment(root: object): NativeEnvironment | undefined {
  const env: unknown = 'env' in root ? root.env : undefined;
  return typeof env === 'object' && env !== null && 'startWriting' in env
    ? (env as NativeEnvironment)
    : undefined;
}
