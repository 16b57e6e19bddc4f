import { EINTR, errno, libc, SystemCallError } from "./libc.ts";
import {
  AF_UNIX,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOL_SOCKET,
} from "./linux.ts";

const SOCK_SEQPACKET = 5;
const SCM_RIGHTS = 1;
const SCM_CREDENTIALS = 2;
const MSG_CMSG_CLOEXEC = 0x40000000;

/** `struct cmsghdr` with 64-bit lengths: length, level, type; its data is aligned to 8 bytes. */
const CMSG_HEADER = 16;
/** Descriptors in one message at most (unix(7)), and a `struct ucred` before them. */
const CONTROL_BYTES = CMSG_HEADER + 16 + CMSG_HEADER + 253 * 4 + 4;
/** Longest message that is taken in: names and states are short. */
const TEXT_BYTES_MAX = 4096;

const MSGHDR_BYTES = 56;
const MSGHDR_CONTROLLEN = 40;

/** `struct msghdr`, pointing at one buffer and at control data. */
class MessageHeader {
  readonly bytes = new Uint8Array(MSGHDR_BYTES);
  readonly control: Uint8Array<ArrayBuffer>;
  readonly text: Uint8Array<ArrayBuffer>;
  readonly #view = new DataView(this.bytes.buffer);
  readonly #vector = new BigUint64Array(2);

  constructor(text: Uint8Array<ArrayBuffer>, control: Uint8Array<ArrayBuffer>) {
    this.text = text;
    this.control = control;
    this.#vector[0] = addressOf(text);
    this.#vector[1] = BigInt(text.length);
    const view = this.#view;
    view.setBigUint64(16, addressOf(new Uint8Array(this.#vector.buffer)), true);
    view.setBigUint64(24, 1n, true);
    if (control.length > 0) view.setBigUint64(32, addressOf(control), true);
    view.setBigUint64(MSGHDR_CONTROLLEN, BigInt(control.length), true);
  }

  /** All room for control data is free again. */
  expect(): void {
    this.#view.setBigUint64(MSGHDR_CONTROLLEN, BigInt(this.control.length), true);
  }

  get controlLength(): number {
    return Number(this.#view.getBigUint64(MSGHDR_CONTROLLEN, true));
  }
}

/** The message under way: its header's pointers do not keep from being collected what they name. */
let _underWay: MessageHeader | null = null;

function addressOf(bytes: Uint8Array<ArrayBuffer>): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
}

/**
 * Two ends of a channel of messages: an empty one that is received says that the other end has
 * been closed. Neither waits, nor is inherited by child processes.
 *
 * @throws {SystemCallError} when none can be made.
 */
export function makeChannel(): [number, number] {
  const ends = new Int32Array(2);
  const type = SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC;
  if (libc.messages().socketpair(AF_UNIX, type, 0, new Uint8Array(ends.buffer)) < 0) {
    throw new SystemCallError("socketpair", errno());
  }
  return [ends[0]!, ends[1]!];
}

/** A datagram that is made ready before the descriptor is there that is to go with it. */
export class DescriptorMessage {
  readonly #header: MessageHeader;
  readonly #control = new DataView(new ArrayBuffer(CMSG_HEADER + 8));

  constructor(text: string) {
    const encoded = new TextEncoder().encode(text);
    // Bytes of a buffer of their own: those of a small array the collector may move meanwhile.
    const words = new Uint8Array(new ArrayBuffer(encoded.length));
    words.set(encoded);
    const control = this.#control;
    control.setBigUint64(0, BigInt(CMSG_HEADER + 4), true);
    control.setInt32(8, SOL_SOCKET, true);
    control.setInt32(12, SCM_RIGHTS, true);
    this.#header = new MessageHeader(words, new Uint8Array(control.buffer));
  }

  /** Sends it as {@link sendWithDescriptor} does. */
  send(socket: number, fd: number): number {
    this.#control.setInt32(CMSG_HEADER, fd, true);
    return sendHeader(socket, this.#header);
  }
}

/**
 * Sends a datagram, with a descriptor if one is given, over a connected socket; waits as long as
 * the socket's send timeout says. Returns 0, or the error number.
 */
export function sendWithDescriptor(socket: number, text: string, fd: number | null): number {
  if (fd !== null) return new DescriptorMessage(text).send(socket, fd);
  return sendHeader(socket, new MessageHeader(new TextEncoder().encode(text), new Uint8Array(0)));
}

function sendHeader(socket: number, header: MessageHeader): number {
  _underWay = header;
  for (;;) {
    if (libc.messages().sendmsg(socket, header.bytes, MSG_NOSIGNAL) >= 0) return 0;
    const code = errno();
    if (code !== EINTR) return code;
  }
}

/** A datagram with what came along. */
export interface PassedMessage {
  readonly text: string;
  /** Ours from now on; not inherited by child processes. */
  readonly fds: readonly number[];
  /** Who sent it, as the kernel says; 0 if the socket was not told to ask (SO_PASSCRED). */
  readonly pid: number;
}

/** What is received into, again and again: it is copied out at once. */
let inbox: MessageHeader | undefined;

/** Takes one datagram, or null when there is none now. */
export function receiveWithDescriptors(socket: number): PassedMessage | null {
  const header = inbox ??= new MessageHeader(
    new Uint8Array(TEXT_BYTES_MAX),
    new Uint8Array(CONTROL_BYTES),
  );
  header.expect();
  const flags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
  let count: number;
  do count = libc.messages().recvmsg(socket, header.bytes, flags); while (
    count < 0 && errno() === EINTR
  );
  if (count < 0) return null;
  const text = new TextDecoder().decode(header.text.subarray(0, count));
  return { text, ...readControl(header.control, header.controlLength) };
}

function readControl(bytes: Uint8Array, length: number): { fds: number[]; pid: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  const fds: number[] = [];
  let pid = 0;
  for (let at = 0; at + CMSG_HEADER <= length;) {
    const size = Number(view.getBigUint64(at, true));
    if (size < CMSG_HEADER || at + size > length) break;
    const type = view.getInt32(at + 8, true) === SOL_SOCKET ? view.getInt32(at + 12, true) : 0;
    if (type === SCM_CREDENTIALS) pid = view.getInt32(at + CMSG_HEADER, true);
    for (let i = CMSG_HEADER; type === SCM_RIGHTS && i + 4 <= size; i += 4) {
      fds.push(view.getInt32(at + i, true));
    }
    at += (size + 7) & ~7;
  }
  return { fds, pid };
}
