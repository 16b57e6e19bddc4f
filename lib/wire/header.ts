/**
 * The 16-byte message header: four 32-bit words, little endian as on every host Xen runs on:
 * type, request id, transaction id, payload length (xs_wire.h, `struct xsd_sockmsg`).
 */
export const HEADER_SIZE = 16;

/** Most payload bytes of one message, either way (xs_wire.h, `XENSTORE_PAYLOAD_MAX`). */
export const PAYLOAD_MAX = 4096;

/** Bytes of the largest message. */
export const MESSAGE_MAX: number = HEADER_SIZE + PAYLOAD_MAX;

/** A decoded header. `len` is the number of payload bytes that follow. */
export interface Header {
  /** What is asked, or answered: one of {@link MessageType}. */
  type: number;
  /** The client's number of the request; a reply repeats it. */
  reqId: number;
  /** The transaction that the request belongs to; 0 for none. */
  txId: number;
  /** Bytes of the payload. */
  len: number;
}

/** A header to decode into, again and again. */
export function emptyHeader(): Header {
  return { type: 0, reqId: 0, txId: 0, len: 0 };
}

/** The unsigned 32-bit little-endian word at `at`. */
export function getU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24) >>> 0;
}

/** Writes an unsigned 32-bit little-endian word. */
export function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** Decodes the header at `at` into `header`. The caller has checked that 16 bytes are there. */
export function decodeHeader(bytes: Uint8Array, at: number, header: Header): Header {
  header.type = getU32(bytes, at);
  header.reqId = getU32(bytes, at + 4);
  header.txId = getU32(bytes, at + 8);
  header.len = getU32(bytes, at + 12);
  return header;
}

/** Encodes a header at `at`. */
export function encodeHeader(
  bytes: Uint8Array,
  at: number,
  type: number,
  reqId: number,
  txId: number,
  len: number,
): void {
  putU32(bytes, at, type);
  putU32(bytes, at + 4, reqId);
  putU32(bytes, at + 8, txId);
  putU32(bytes, at + 12, len);
}

/** One whole message as bytes of its own. */
export function encodeMessage(
  type: number,
  reqId: number,
  txId: number,
  payload: Uint8Array,
): Uint8Array {
  const message = new Uint8Array(HEADER_SIZE + payload.length);
  encodeHeader(message, 0, type, reqId, txId, payload.length);
  message.set(payload, HEADER_SIZE);
  return message;
}
