/** The limits of the public port and their defaults. Each bounds what a stranger can make the primary hold. */
export interface FrontLimits {
  /** Size of a request head. 431 above. */
  readonly maxHeadBytes: number;
  /** From the connection until its head is complete, absolutely. 408 after. */
  readonly headMs: number;
  /** Sockets with an incomplete head; above, the one that has waited longest gets 503. */
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
  /** Size of a body. 413 above. */
  readonly maxBodyBytes: number;
  /** From the head of a request with a body until its answer has left. */
  readonly keptMs: number;
  /** Requests with a body at once; above, the one that is under way for longest is ended. */
  readonly maxKept: number;
  /** Body bytes on their way to one worker; above, the clients are not read from. */
  readonly maxInFlightBytes: number;
  /** From a complete head until a worker has the connection. 503 after. */
  readonly routeMs: number;
  /** After that long without progress a worker gets no new clients while others can. */
  readonly stallMs: number;
  /** How long the report of an unknown session is waited for. */
  readonly unknownSessionMs: number;
  /** New connections a second; 0 is no limit. 503 above. */
  readonly maxAcceptsPerSecond: number;
}

const DEFAULTS: FrontLimits = {
  maxHeadBytes: 16_384,
  headMs: 10_000,
  maxWaiting: 16_384,
  maxWaitingBytes: 64 * 1_048_576,
  maxBodyBytes: 1_048_576,
  keptMs: 30_000,
  maxKept: 4_096,
  maxInFlightBytes: 4 * 1_048_576,
  routeMs: 10_000,
  stallMs: 1_000,
  unknownSessionMs: 250,
  maxAcceptsPerSecond: 0,
};

export function frontLimits(limits: Partial<FrontLimits>): FrontLimits {
  return { ...DEFAULTS, ...limits };
}
