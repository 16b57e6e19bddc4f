/**
 * The page a domain shares with the daemon: two rings of 1 KiB and their indices (xs_wire.h,
 * `struct xenstore_domain_interface`; xenstore-ring.txt). All words are in the host's order.
 */

/** Bytes of the page, and of each ring. */
export const RING_PAGE_SIZE = 4096;
export const RING_SIZE = 1024;

/** Byte offsets of the two rings. */
export const REQUEST_RING = 0;
export const RESPONSE_RING = 1024;

/** Words of the page behind the rings, as indices into {@link RingPage.words}. */
export const REQ_CONS = 512;
export const REQ_PROD = 513;
export const RSP_CONS = 514;
export const RSP_PROD = 515;
export const SERVER_FEATURES = 516;
export const CONNECTION = 517;
export const ERROR = 518;
export const EVTCHN_PORT = 519;

/** Bytes of the page that mean something: both rings and the words. */
export const RING_INTERFACE_BYTES = 2080;

/** The one of the features in {@link SERVER_FEATURES} that is about the page: it has an error word. */
export const FEATURE_ERROR = 2;

/** States of the word {@link CONNECTION}. */
export const CONNECTED = 0;
export const RECONNECT = 1;

/** Values of the word {@link ERROR}. */
export const ERROR_NONE = 0;
export const ERROR_COMM = 1;
export const ERROR_INDEX = 2;
export const ERROR_PROTOCOL = 3;

/**
 * Typed views of one ring page, made once: making them costs more than a message. The memory is
 * the domain's as much as ours, so no value may be read twice and trusted to be the same.
 */
export class RingPage {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;

  /** @throws {RangeError} when `buffer` is not one page. */
  constructor(buffer: ArrayBuffer) {
    if (buffer.byteLength !== RING_PAGE_SIZE) {
      throw new RangeError(
        `A ring page has ${RING_PAGE_SIZE} bytes: this one has ${buffer.byteLength}`,
      );
    }
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
  }

  /** A word, with a full barrier. */
  load(word: number): number {
    return Atomics.load(this.words, word);
  }

  /** Sets a word, with a full barrier. */
  store(word: number, value: number): void {
    Atomics.store(this.words, word, value);
  }
}

/**
 * Copies bytes out of a ring, `ahead` bytes behind its consumer index: as many as there are and
 * fit. Both indices are read once and checked; neither is changed. Returns the number of bytes,
 * or -1 when the indices are more than a ring apart.
 */
export function copyFromRing(
  page: RingPage,
  ring: number,
  consWord: number,
  prodWord: number,
  ahead: number,
  into: Uint8Array,
  at: number,
  end: number,
): number {
  // Our own index too is read from the page: hvmloader zeroes the whole page when it is done.
  const taken = page.load(consWord);
  const available = (page.load(prodWord) - taken) >>> 0;
  if (available > RING_SIZE || ahead > available) return -1;
  const cons = (taken + ahead) >>> 0;
  const count = Math.min(available - ahead, end - at);
  if (count <= 0) return 0;
  const offset = cons % RING_SIZE;
  const first = Math.min(count, RING_SIZE - offset);
  copyBytes(page.bytes, ring + offset, into, at, first);
  if (first < count) copyBytes(page.bytes, ring, into, at + first, count - first);
  return count;
}

/** Puts bytes into a ring: as many as fit. The producer index is moved behind them. */
export function putIntoRing(
  page: RingPage,
  ring: number,
  consWord: number,
  prodWord: number,
  from: Uint8Array,
  at: number,
  end: number,
): number {
  const prod = page.load(prodWord);
  const used = (prod - page.load(consWord)) >>> 0;
  if (used > RING_SIZE) return -1;
  const count = Math.min(RING_SIZE - used, end - at);
  if (count <= 0) return 0;
  const offset = prod % RING_SIZE;
  const first = Math.min(count, RING_SIZE - offset);
  copyBytes(from, at, page.bytes, ring + offset, first);
  if (first < count) copyBytes(from, at + first, page.bytes, ring, count - first);
  page.store(prodWord, prod + count);
  return count;
}

function copyBytes(
  from: Uint8Array,
  fromAt: number,
  to: Uint8Array,
  toAt: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) to[toAt + i] = from[fromAt + i]!;
}
