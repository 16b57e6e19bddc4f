/**
 * What a daemon sends over a stream, and what a recording holds: frames, each a header of 32 bytes and what
 * belongs to it. Numbers are little endian.
 *
 * | offset | bytes | what                                                                              |
 * | ------ | ----- | --------------------------------------------------------------------------------- |
 * | 0      | 4     | length of the frame, its header included                                          |
 * | 4      | 1     | {@link FrameKind}                                                                 |
 * | 5      | 1     | flags: {@link HIDDEN_REQUEST}, {@link HIDDEN_REPLY}                               |
 * | 6      | 2     | 0                                                                                 |
 * | 8      | 4     | number: the call's; of an event that of the call which caused it, 0 for none; of a |
 * |        |       | loss how many frames                                                              |
 * | 12     | 4     | connection                                                                        |
 * | 16     | 8     | when, in ms since 1970, a double: of a call when the daemon read its request      |
 * | 24     | 4     | how long the request waited before it was handled, in us                          |
 * | 28     | 4     | how long it was handled until its reply was there, in us                          |
 */
import { putU32 } from "./header.ts";

/** Bytes of a frame before what belongs to it. */
export const FRAME_HEADER_BYTES = 32;

/** The kinds of frames. A reader skips those that it does not know. */
export const FrameKind = {
  /** The first frame: JSON that says who sends. */
  HELLO: 0,
  /** JSON that says who has a connection, before the first frame of that. */
  CONNECTION: 1,
  /** A connection has ended. */
  CLOSED: 2,
  /** A request and its reply: two messages, one behind the other. */
  CALL: 3,
  /** A watch event: one message. */
  EVENT: 4,
  /** Frames are missing, since the reader was too slow. */
  LOST: 5,
} as const;

export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

/** The value in the request is hidden: there are as many `*`. */
export const HIDDEN_REQUEST = 1;
/** The same of the reply. */
export const HIDDEN_REPLY = 2;

/** What stands for each byte that is hidden. */
export const HIDDEN_BYTE = 0x2a;

/** The header of a frame. */
export interface FrameHead {
  readonly kind: number;
  readonly flags: number;
  readonly number: number;
  readonly connection: number;
  /** In ms since 1970. */
  readonly at: number;
  readonly waitedUs: number;
  readonly tookUs: number;
}

/** A frame that was received. */
export interface Frame extends FrameHead {
  /** What belongs to it; a copy. */
  readonly body: Uint8Array;
}

/** Who has a connection, as a CONNECTION frame tells it. Texts have one character a byte. */
export interface StreamClientInfo {
  readonly kind: "socket" | "ring";
  readonly domid: number;
  /** What the log calls it. */
  readonly label: string;
  /** The domain's name; null where it has none. */
  readonly name: string | null;
  readonly pid: number | null;
  /** The program, without its arguments, which may hold secrets. */
  readonly command: string | null;
}

/** What a daemon tells of itself in its HELLO. */
export interface StreamHello {
  readonly version: string;
  readonly pid: number;
}

const time = new Float64Array(1);
const timeBytes = new Uint8Array(time.buffer);

/** Writes a frame's header at the start of `bytes`; `length` is that of the whole frame. */
export function putFrameHead(bytes: Uint8Array, length: number, head: FrameHead): void {
  putU32(bytes, 0, length);
  bytes[4] = head.kind;
  bytes[5] = head.flags;
  bytes[6] = bytes[7] = 0;
  putU32(bytes, 8, head.number);
  putU32(bytes, 12, head.connection);
  // Hosts that Xen runs on are little endian.
  time[0] = head.at;
  for (let i = 0; i < 8; i++) bytes[16 + i] = timeBytes[i]!;
  putU32(bytes, 24, head.waitedUs);
  putU32(bytes, 28, head.tookUs);
}
