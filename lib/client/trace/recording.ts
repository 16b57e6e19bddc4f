import { FRAME_BYTES_MAX } from "../../limits.ts";
import { FrameDecoder, FrameError } from "../../wire/frame_decoder.ts";
import { type Frame, FRAME_HEADER_BYTES, putFrameHead } from "../../wire/stream_frame.ts";
import { equalBytes, toBytes } from "../../wire/text.ts";

/** What a recording begins with; frames follow. */
export const RECORDING_HEAD: Uint8Array = toBytes("xs trace 1\n");

/** A file that is not a recording. */
export class RecordingError extends Error {
  override readonly name = "RecordingError";
}

/** A frame as bytes. */
export function encodeFrame(frame: Frame): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + frame.body.length);
  putFrameHead(bytes, bytes.length, frame);
  bytes.set(frame.body, FRAME_HEADER_BYTES);
  return bytes;
}

/** Takes the frames out of a recording, up to where it is damaged or cut. */
export class RecordingDecoder {
  readonly #decoder = new FrameDecoder(FRAME_BYTES_MAX);
  #damage: string | null = null;

  /** @param head the file's first bytes. @throws {RecordingError} for those of another file. */
  constructor(head: Uint8Array) {
    if (!equalBytes(head, RECORDING_HEAD)) {
      throw new RecordingError("not a recording (`xs trace --write` makes one)");
    }
  }

  /** What is wrong with what follows the frames; null for nothing. */
  get damage(): string | null {
    const { rest } = this.#decoder;
    if (this.#damage !== null || rest === 0) return this.#damage;
    return `it ends within the frame at byte ${this.#place} (${rest} bytes of it)`;
  }

  get #place(): number {
    return RECORDING_HEAD.length + this.#decoder.taken;
  }

  /** The frames that are whole with the next bytes; not to be called once there is damage. */
  add(bytes: Uint8Array): readonly Frame[] {
    try {
      return this.#decoder.add(bytes);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#damage = `it is damaged at byte ${this.#place} (${error.message})`;
      return error.frames;
    }
  }

  /** Whether no more is to be read. */
  get isDamaged(): boolean {
    return this.#damage !== null;
  }
}
