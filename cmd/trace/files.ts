import { encodeFrame, RECORDING_HEAD } from "../../lib/client/trace/recording.ts";
import type { Frame } from "../../lib/wire/stream_frame.ts";
import { systemAdvice } from "../../lib/wire/system_error.ts";
import { CommandError } from "../report.ts";

/** Only its owner may read it: messages hold values. */
const NEW_FILE = { write: true, createNew: true, mode: 0o600 } as const;

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
    return RecordingFile.begin(name, RECORDING_HEAD);
  }

  /** A new file of mode 0600, begun with `head`. @throws {CommandError} */
  static begin(name: string, head: Uint8Array): RecordingFile {
    const recording = new RecordingFile(open(name), name);
    recording.write(head);
    return recording;
  }

  add(frames: readonly Frame[]): void {
    for (const frame of frames) this.write(encodeFrame(frame));
  }

  /** @throws {CommandError} */
  write(bytes: Uint8Array): void {
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
