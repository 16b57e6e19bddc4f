import {
  encodeFrame,
  readRecording,
  type Recording,
  RECORDING_HEAD,
  RecordingError,
} from "../../lib/client/trace/recording.ts";
import { toByteText } from "../../lib/client/operations.ts";
import type { Frame } from "../../lib/wire/stream_frame.ts";
import { systemAdvice } from "../../lib/wire/system_error.ts";
import { CommandError } from "../report.ts";
import type { Shell } from "../shell.ts";

/** Only its owner may read it: messages hold values. */
const NEW_FILE = { write: true, createNew: true, mode: 0o600 } as const;

/** Reads a recording. @throws {CommandError} when the file cannot be read, or is none. */
export async function openRecording(shell: Shell, file: string): Promise<Recording> {
  let bytes: Uint8Array;
  try {
    bytes = await shell.readFile(toByteText(file));
  } catch (error) {
    throw new CommandError(systemAdvice(error, "read"), file);
  }
  try {
    return readRecording(bytes);
  } catch (error) {
    if (!(error instanceof RecordingError)) throw error;
    throw new CommandError(error.message, file);
  }
}

/** A recording that is being written. */
export class RecordingFile {
  readonly #file: Deno.FsFile;
  readonly #name: string;

  private constructor(file: Deno.FsFile, name: string) {
    this.#file = file;
    this.#name = name;
  }

  /** A new file of mode 0600, begun as a recording. @throws {CommandError} */
  static create(name: string): RecordingFile {
    const file = open(name);
    const recording = new RecordingFile(file, name);
    recording.#write(RECORDING_HEAD);
    return recording;
  }

  /** A new file of mode 0600 with these bytes. @throws {CommandError} */
  static write(name: string, bytes: Uint8Array): void {
    const recording = new RecordingFile(open(name), name);
    recording.#write(bytes);
    recording.close();
  }

  add(frames: readonly Frame[]): void {
    for (const frame of frames) this.#write(encodeFrame(frame));
  }

  #write(bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
    } catch (error) {
      throw new CommandError(systemAdvice(error, "write"), this.#name);
    }
  }

  close(): void {
    this.#file.close();
  }
}

function open(name: string): Deno.FsFile {
  try {
    return Deno.openSync(name, NEW_FILE);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new CommandError("the file exists already (name another one, or delete it)", name);
    }
    throw new CommandError(systemAdvice(error, "write"), name);
  }
}
