/** Where a transport stands that outlives the process: a ring's indices are in the guest's page. */
export interface RingPosition {
  /** Our index in the request ring, with what is not settled yet. */
  readonly requestsTaken: number;
  /** The index in the response ring behind the last byte that was written. */
  readonly responsesWritten: number;
  /** The guest broke the protocol and is not listened to. */
  readonly ignored: boolean;
}

/**
 * A stream of bytes to and from one client, nonblocking both ways. Reading and writing never
 * wait; the owner of the transport learns by other means (epoll, an event channel) when to try
 * again.
 */
export interface Transport {
  /** For a ring. */
  readonly position?: RingPosition;
  /**
   * Reads what is there into `into[at, end)`. Returns the number of bytes, 0 when there is nothing
   * now, negative when the client has closed or broken its end: nothing will ever come again.
   * Less than was asked for means that all was taken and news of more will be announced.
   */
  read(into: Uint8Array<ArrayBuffer>, at: number, end: number): number;
  /** A copy of what the kernel gave up already and is not read; missing where it keeps all. */
  unread?(): Uint8Array;
  /**
   * Writes as much of `from[at, end)` as fits. Returns the number of bytes, 0 when nothing fits
   * now, negative when nobody will ever read it.
   */
  write(from: Uint8Array<ArrayBuffer>, at: number, end: number): number;
  /**
   * Releases what has been read: only now does the client learn that it was taken. To be called
   * when the turn that read it is committed. A stream that cannot wait has released it at once. True
   * when more may have come meanwhile that nobody announces.
   */
  settle(): boolean;
  /**
   * What the owner waits for. A level-triggered transport asks its poller for just that; others,
   * which announce each change once, have nothing to do.
   */
  want(input: boolean, output: boolean): void;
  /**
   * The client sent a message longer than allowed: no framing is left in what follows. A socket
   * is disconnected by its owner; a ring tells the guest in its error word and is then ignored.
   */
  rejectOversize(): void;
  /**
   * Gives the descriptor to the caller: it stays open when the transport is closed, as it will be at once.
   * Missing where there is none.
   */
  detach?(): number;
  /** A copy of what of its page means something; missing where there is no page. */
  copyPage?(): Uint8Array;
  /** Releases everything. Not to be used afterwards. */
  close(): void;
}
