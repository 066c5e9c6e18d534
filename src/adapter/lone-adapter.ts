/** For a process that has no other workers: nothing to carry, and nobody to hear from. */
import type { Adapter } from '../chat/adapter.ts';

export class LoneAdapter implements Adapter {
  subscribe(): void {}
  unsubscribe(): void {}
  publish(): void {}
  notify(): void {}
  async probe(): Promise<void> {}
  async close(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}
}
