import { FRAME_BYTES_MAX } from "../../limits.ts";
import {
  type Frame,
  FRAME_HEADER_BYTES,
  FrameDecoder,
  FrameError,
  putFrameHead,
} from "../../wire/stream_frame.ts";
import { toBytes, toText } from "../../wire/text.ts";

/** What a recording begins with; frames follow. */
export const RECORDING_HEAD: Uint8Array = toBytes("xs trace 1\n");

/** A file that is not a recording. */
export class RecordingError extends Error {
  override readonly name = "RecordingError";
}

/** What is in a recording. */
export interface Recording {
  readonly frames: readonly Frame[];
  /** What is wrong with what follows those; null for nothing. */
  readonly damage: string | null;
}

/** A frame as bytes. */
export function encodeFrame(frame: Frame): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + frame.body.length);
  putFrameHead(bytes, bytes.length, frame);
  bytes.set(frame.body, FRAME_HEADER_BYTES);
  return bytes;
}

/**
 * The frames of a recording, up to where it is damaged or cut.
 *
 * @throws {RecordingError} for a file that does not begin as one.
 */
export function readRecording(bytes: Uint8Array): Recording {
  const length = RECORDING_HEAD.length;
  if (toText(bytes.subarray(0, length)) !== toText(RECORDING_HEAD)) {
    throw new RecordingError("not a recording (`xs trace --write` makes one)");
  }
  const decoder = new FrameDecoder(FRAME_BYTES_MAX);
  try {
    const frames = decoder.add(bytes.subarray(length));
    const { rest } = decoder;
    return { frames, damage: rest === 0 ? null : `it ends within a frame (${rest} bytes of it)` };
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    return { frames: error.frames, damage: `it is damaged (${error.message})` };
  }
}
