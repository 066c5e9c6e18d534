/**
 * V8 doubles a process's young heap whenever much in it stays alive, as connections do, and takes
 * it for the size that is needed. A process in which little happens needs but the 1 MB that each
 * half begins with; V8 takes the rest back when it next collects the whole heap.
 */
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';

export function letYoungHeapGrow(mayGrow: boolean): void {
  setFlagsFromString(`--semi-space-growth-factor=${mayGrow ? 2 : 1}`);
}

/** The part of the time from which an event loop counts as busy. */
const BUSY = 0.5;

/** Lets it grow while the event loop is busy. */
export class YoungHeap {
  #last = performance.eventLoopUtilization();

  /** To be called every few seconds: it was busy or not since the last call. */
  look(): void {
    const { utilization } = performance.eventLoopUtilization(this.#last);
    this.#last = performance.eventLoopUtilization();
    letYoungHeapGrow(utilization > BUSY);
  }
}
