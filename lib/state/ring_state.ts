/** How far a ring has been served: what the next daemon must go on from. */
export interface RingState {
  /**
   * The connection's key: a domid, or a number above all domids for a held socket, of which all here
   * counts bytes of the stream.
   */
  readonly key: number;
  /** Our index in the request ring: all before it is ours. */
  readonly requestsTaken: number;
  /** The bytes of a request that was not whole yet. */
  readonly partial: Uint8Array;
  /** The index in the response ring behind the last byte that is owed to the guest. */
  readonly responsesEnd: number;
  /** The last bytes owed, up to `responsesEnd`: those added since the ring was last recorded. */
  readonly responses: Uint8Array;
  /** How many bytes up to `responsesEnd` were not in the ring yet. */
  readonly unsent: number;
  /** Whether nothing before counts any more: the ring was introduced, or introduced again. */
  readonly reset: boolean;
  /** The guest broke the protocol and is not listened to. */
  readonly ignored: boolean;
}
