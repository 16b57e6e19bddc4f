import type { Clock } from "../clock.ts";
import { FRAME_BYTES_MAX, STREAM_READ_BYTES } from "../limits.ts";
import { formatDuration } from "../wire/duration.ts";
import { FrameDecoder, FrameError } from "../wire/frame_decoder.ts";
import {
  decodeHeader,
  emptyHeader,
  encodeMessage,
  HEADER_SIZE,
  PAYLOAD_MAX,
} from "../wire/header.ts";
import { MessageType } from "../wire/message_type.ts";
import { joinStrings } from "../wire/payload.ts";
import type { Frame } from "../wire/stream_frame.ts";
import { isSystemError } from "../wire/system_error.ts";
import { joinBytes, toText } from "../wire/text.ts";
import { decodeErrorName, XenstoreError } from "./error.ts";
import type { ByteStream } from "./stream.ts";

/** A connection that was one of Xenstore's, and is a stream of the daemon's now (CONTROL `stream`). */
export class FrameStream {
  readonly #stream: ByteStream;
  readonly #name: string;
  readonly #decoder = new FrameDecoder(FRAME_BYTES_MAX);
  readonly #buffer = new Uint8Array(STREAM_READ_BYTES);
  #rest: Uint8Array;
  /** Frames that came while it was opened. */
  #early: Frame[] = [];
  #closed = false;

  private constructor(stream: ByteStream, name: string, rest: Uint8Array) {
    this.#stream = stream;
    this.#name = name;
    this.#rest = rest;
  }

  /**
   * Asks the daemon behind `stream`, a new connection to `name`, for what `words` say.
   *
   * @throws {XenstoreError} EINVAL when the daemon does not know such streams, EBUSY with its reason when it
   *   refuses, ETIMEDOUT, ECONNRESET.
   */
  static async open(
    stream: ByteStream,
    name: string,
    words: readonly string[],
    { clock, timeout }: { readonly clock: Clock; readonly timeout: number },
  ): Promise<FrameStream> {
    let isLate = false;
    const alarm = Number.isFinite(timeout)
      ? clock.alarm(timeout, () => {
        isLate = true;
        stream.close();
      })
      : null;
    try {
      const payload = joinStrings("stream", ...words);
      const request = encodeMessage(MessageType.CONTROL, 1, 0, payload);
      for (let at = 0; at < request.length;) at += await stream.write(request.subarray(at));
      const frames = new FrameStream(stream, name, await answer(stream));
      // There are daemons that say OK to whatever they are told: the first frame says that this one is none.
      frames.#early = await frames.#read() ?? [];
      return frames;
    } catch (error) {
      if (!isLate) stream.close();
      if (isLate) {
        const detail = `the daemon did not answer within ${formatDuration(timeout)}`;
        throw new XenstoreError("ETIMEDOUT", "connection to", name, detail);
      }
      if (error instanceof XenstoreError) throw error;
      throw new XenstoreError("ECONNRESET", "connection to", name, reason(error));
    } finally {
      alarm?.cancel();
    }
  }

  /**
   * The frames that have come; null once {@link close} was called.
   *
   * @throws {XenstoreError} ECONNRESET when the daemon has ended the stream, EPROTO for what is no frame.
   */
  async next(): Promise<Frame[] | null> {
    const early = this.#early;
    this.#early = [];
    if (early.length > 0) return early;
    return await this.#read();
  }

  async #read(): Promise<Frame[] | null> {
    try {
      for (;;) {
        const frames = this.#decoder.add(this.#rest);
        this.#rest = new Uint8Array(0);
        if (frames.length > 0) return frames;
        const count = await this.#stream.read(this.#buffer);
        if (this.#closed) return null;
        if (count === null) throw new Error(ENDED);
        this.#rest = this.#buffer.subarray(0, count);
      }
    } catch (error) {
      if (this.#closed) return null;
      const code = error instanceof FrameError ? "EPROTO" : "ECONNRESET";
      throw new XenstoreError(code, "stream", this.#name, reason(error));
    }
  }

  /** Ends it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream.close();
  }
}

const ENDED = "the daemon has ended the stream (it was stopped, or another one has its place)";

function reason(error: unknown): string {
  return error instanceof Error && !isSystemError(error) ? error.message : ENDED;
}

/** Takes the reply; returns what came behind it. */
async function answer(stream: ByteStream): Promise<Uint8Array> {
  const header = emptyHeader();
  let bytes = new Uint8Array(0);
  for (;;) {
    const end = bytes.length < HEADER_SIZE
      ? Infinity
      : HEADER_SIZE + decodeHeader(bytes, 0, header).len;
    if (end !== Infinity && header.len > PAYLOAD_MAX) {
      throw new Error("the daemon's reply is too long");
    }
    if (bytes.length >= end) {
      const payload = bytes.subarray(HEADER_SIZE, end);
      const text = toText(payload).replace(/\0$/, "");
      if (header.type === MessageType.ERROR) {
        throw new XenstoreError(decodeErrorName(text), "control", "stream");
      }
      if (text !== "OK") throw new XenstoreError("EBUSY", "stream", "", text);
      return bytes.slice(end);
    }
    const more = new Uint8Array(STREAM_READ_BYTES);
    const count = await stream.read(more);
    if (count === null) throw new Error(ENDED);
    bytes = joinBytes([bytes, more.subarray(0, count)]);
  }
}
