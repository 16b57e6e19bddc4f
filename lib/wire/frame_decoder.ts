import { decodeHeader, emptyHeader, getU32, HEADER_SIZE } from "./header.ts";
import { MessageType } from "./message_type.ts";
import {
  type Frame,
  FRAME_HEADER_BYTES,
  FrameKind,
  HIDDEN_REPLY,
  HIDDEN_REQUEST,
  type StreamClientInfo,
} from "./stream_frame.ts";
import { joinBytes } from "./text.ts";

/** Bytes that are no frame. */
export class FrameError extends Error {
  override readonly name = "FrameError";

  /** @param frames those that came whole before. */
  constructor(message: string, readonly frames: readonly Frame[] = []) {
    super(message);
  }
}

/** Takes frames out of bytes as they come, and checks each. */
export class FrameDecoder {
  #bytes = new Uint8Array(0);
  #taken = 0;

  /** @param most bytes of the longest frame that is believed. */
  constructor(private readonly most: number) {}

  /** Bytes of a frame that is not whole. */
  get rest(): number {
    return this.#bytes.length;
  }

  /** Bytes of all frames before that one, or before the one that is wrong. */
  get taken(): number {
    return this.#taken;
  }

  /** The frames that are whole with `more` bytes. @throws {FrameError} for what is no frame. */
  add(more: Uint8Array): Frame[] {
    const bytes = joinBytes([this.#bytes, more]);
    const frames: Frame[] = [];
    let at = 0;
    while (bytes.length - at >= FRAME_HEADER_BYTES) {
      const length = getU32(bytes, at);
      if (length < FRAME_HEADER_BYTES || length > this.most) {
        throw new FrameError(`a frame of ${length} bytes`, frames);
      }
      if (bytes.length - at < length) break;
      const frame = decodeFrame(bytes.subarray(at, at + length));
      const problem = frameProblem(frame, getU32(bytes, at + 4) >>> 16);
      if (problem !== null) throw new FrameError(problem, frames);
      frames.push(frame);
      at += length;
      this.#taken += length;
    }
    this.#bytes = bytes.slice(at);
    return frames;
  }
}

function decodeFrame(bytes: Uint8Array): Frame {
  return {
    kind: bytes[4]!,
    flags: bytes[5]!,
    number: getU32(bytes, 8),
    connection: getU32(bytes, 12),
    at: new DataView(bytes.buffer, bytes.byteOffset).getFloat64(16, true),
    waitedUs: getU32(bytes, 24),
    tookUs: getU32(bytes, 28),
    body: bytes.slice(FRAME_HEADER_BYTES),
  };
}

/** The last time that a Date can have, in ms since 1970 (ECMA-262, "Time Values and Time Range"). */
const TIME_MAX_MS = 8.64e15;

/** What is wrong with a frame of a kind that is known; `reserved` are its two bytes that are 0. */
function frameProblem(frame: Frame, reserved: number): string | null {
  const { at, body, flags, kind } = frame;
  if (kind > FrameKind.LOST) return null;
  if (reserved !== 0 || (flags & ~(HIDDEN_REQUEST | HIDDEN_REPLY)) !== 0) return "unknown flags";
  if (!(at >= 0 && at <= TIME_MAX_MS)) return "no time";
  if (kind === FrameKind.CALL) return callProblem(body);
  if (kind === FrameKind.EVENT) return eventProblem(body);
  if (kind === FrameKind.CONNECTION) return clientIn(body) === null ? "no client" : null;
  if (kind === FrameKind.HELLO) return objectIn(body) === null ? "no daemon" : null;
  return body.length === 0 ? null : "bytes where there are none";
}

const first = emptyHeader(), second = emptyHeader();

/** Where the message at `at` ends, whose header goes into `header`; -1 where it is cut. */
function messageEnd(body: Uint8Array, at: number, header: typeof first): number {
  if (body.length - at < HEADER_SIZE) return -1;
  const end = at + HEADER_SIZE + decodeHeader(body, at, header).len;
  return end > body.length ? -1 : end;
}

function callProblem(body: Uint8Array): string | null {
  const end = messageEnd(body, 0, first);
  const last = end < 0 ? -1 : messageEnd(body, end, second);
  if (last < 0) return "a message that is cut";
  const isReply = second.reqId === first.reqId &&
    (second.type === first.type || second.type === MessageType.ERROR);
  return isReply && last === body.length ? null : "a request without its reply";
}

function eventProblem(body: Uint8Array): string | null {
  const end = messageEnd(body, 0, first);
  if (end < 0) return "a message that is cut";
  return end === body.length && first.type === MessageType.WATCH_EVENT ? null : "no event";
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function objectIn(body: Uint8Array): ReadonlyMap<string, unknown> | null {
  try {
    const json: unknown = JSON.parse(utf8.decode(body));
    return typeof json === "object" && json !== null ? new Map(Object.entries(json)) : null;
  } catch {
    return null;
  }
}

/** The client that the body of a CONNECTION frame tells of; null where it does not. */
export function clientIn(body: Uint8Array): StreamClientInfo | null {
  const fields = objectIn(body);
  if (fields === null) return null;
  const kind = fields.get("kind"), domid = fields.get("domid"), label = fields.get("label");
  const name = fields.get("name"), command = fields.get("command"), pid = fields.get("pid");
  if (kind !== "ring" && kind !== "socket" || typeof label !== "string") return null;
  if (!isNatural(domid) || pid !== null && !isNatural(pid)) return null;
  if (!isTextOrNull(name) || !isTextOrNull(command)) return null;
  return { kind, domid, label, name, pid, command };
}

function isNatural(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === "string";
}
