/** The limits that a client is told in `welcome`; each is an option of the server. */
export interface Limits {
  readonly maxTextBytes: number;
  readonly maxDataBytes: number;
  readonly maxPacketBytes: number;
  readonly maxDepth: number;
  /** Messages in one `messages` event. */
  readonly maxBatch: number;
  /** Entries of one page of a list or of history. */
  readonly maxPage: number;
  readonly maxRoomsPerUser: number;
  readonly maxDevicesPerUser: number;
  readonly maxSocketsPerUser: number;
  /** Unanswered requests per socket. */
  readonly maxOutstanding: number;
  readonly maxPresenceList: number;
}

export const DEFAULT_LIMITS: Limits = {
  maxTextBytes: 16_384,
  maxDataBytes: 8_192,
  maxPacketBytes: 524_288,
  maxDepth: 16,
  maxBatch: 500,
  maxPage: 200,
  maxRoomsPerUser: 2_000,
  maxDevicesPerUser: 20,
  maxSocketsPerUser: 50,
  maxOutstanding: 1_000,
  maxPresenceList: 200,
};

/** A page whose request names no limit. */
export const DEFAULT_PAGE = 50;
