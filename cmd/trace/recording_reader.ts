import {
  RECORDING_HEAD,
  RecordingDecoder,
  RecordingError,
} from "../../lib/client/trace/recording.ts";
import { STREAM_READ_BYTES } from "../../lib/limits.ts";
import type { Frame } from "../../lib/wire/stream_frame.ts";
import { isSystemError, systemAdvice } from "../../lib/wire/system_error.ts";
import { CommandError } from "../report.ts";

/** A recording that is being read, a part at a time. */
export class RecordingReader implements Disposable {
  readonly #file: Deno.FsFile;
  readonly #name: string;
  readonly #decoder: RecordingDecoder;
  readonly #buffer = new Uint8Array(STREAM_READ_BYTES);

  /** @throws {CommandError} when the file cannot be read, or is no recording. */
  constructor(name: string) {
    this.#name = name;
    this.#file = this.#read(() => open(name));
    try {
      this.#decoder = this.#read(() => new RecordingDecoder(headOf(this.#file)));
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  /** What is wrong with what follows the frames; null for nothing. */
  get damage(): string | null {
    return this.#decoder.damage;
  }

  /** The next frames; null behind the last that is whole. @throws {CommandError} */
  next(): readonly Frame[] | null {
    if (this.#decoder.isDamaged) return null;
    const count = this.#read(() => this.#file.readSync(this.#buffer));
    return count === null ? null : this.#decoder.add(this.#buffer.subarray(0, count));
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }

  #read<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (error instanceof RecordingError) throw new CommandError(error.message, this.#name);
      if (!isSystemError(error)) throw error;
      throw new CommandError(systemAdvice(error, "read"), this.#name);
    }
  }
}

/** Looks first: to open a pipe waits for its writer, and a device may have no end. */
function open(name: string): Deno.FsFile {
  const { isDirectory, isFile } = Deno.statSync(name);
  if (isDirectory) throw new RecordingError("it is a directory (name a file)");
  if (!isFile) throw new RecordingError("it is no regular file (name a recording)");
  return Deno.openSync(name);
}

function headOf(file: Deno.FsFile): Uint8Array {
  const head = new Uint8Array(RECORDING_HEAD.length);
  let length = 0;
  while (length < head.length) {
    const count = file.readSync(head.subarray(length));
    if (count === null) break;
    length += count;
  }
  return head.subarray(0, length);
}
