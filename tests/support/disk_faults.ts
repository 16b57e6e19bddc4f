/** A disk that fails, forgets or ends the daemon when told: see disk_faults.c. */
import { mapFile, viewMemory } from "../../ffi/shared_memory.ts";
import { buildLibrary } from "./build_library.ts";

const SOURCE = new URL("disk_faults.c", import.meta.url).pathname;
const CONTROL_BYTES = 4096;

/** Words of the control file. */
const SYNC_ERRNO = 0;
const WRITE_ERRNO = 1;
const FILES = 2;
const CALLS = 3;
const KILL_AT = 4;
const KILL_WHEN = 5;
const FAILED = 6;
const KEEP = 7;

export const EIO = 5;
export const ENOSPC = 28;

/** Files of a store, to be added up. */
export const MAIN = 1;
export const WAL = 2;
export const TAIL = 4;
export const ALL_FILES = 15;

/** The moments of a call at which a process can die: before it, after it, and half through a write. */
export const MOMENTS = [0, 1, 2];

/** Why there can be no such disk here, in words that say what to install; else undefined. */
export function faultsMissing(): string | undefined {
  try {
    Deno.statSync("/usr/bin/gcc");
    return undefined;
  } catch {
    return "no /usr/bin/gcc: apt-get install gcc";
  }
}

/** The disk under one store. */
export class FaultyDisk {
  readonly #words: Int32Array<ArrayBuffer>;

  private constructor(
    readonly store: string,
    private readonly preloaded: string,
    private readonly control: string,
  ) {
    Deno.writeFileSync(control, new Uint8Array(CONTROL_BYTES));
    this.#words = new Int32Array(viewMemory(mapFile(control, CONTROL_BYTES), CONTROL_BYTES));
  }

  static async make(folder: string): Promise<FaultyDisk> {
    const library = await buildLibrary(SOURCE);
    return new FaultyDisk(`${folder}/store`, library, `${folder}/control`);
  }

  /** The surroundings of a daemon with this disk. */
  env(): Record<string, string> {
    return {
      LD_PRELOAD: this.preloaded,
      XS_FAULT_STORE: this.store,
      XS_FAULT_CONTROL: this.control,
    };
  }

  #set(word: number, value: number): void {
    Atomics.store(this.#words, word, value);
  }

  /** Lets syncs of `files` fail with an error number from now on; 0: no more. */
  failSyncs(code: number, files: number): void {
    this.#set(FILES, files);
    this.#set(SYNC_ERRNO, code);
  }

  /** As {@link failSyncs}, of all that writes, changes names or makes files. */
  failWrites(code: number, files: number): void {
    this.#set(FILES, files);
    this.#set(WRITE_ERRNO, code);
  }

  /** How many calls have been let fail. */
  get failed(): number {
    return Atomics.load(this.#words, FAILED);
  }

  /** How many calls there were since {@link killAt}, or ever. */
  get calls(): number {
    return Atomics.load(this.#words, CALLS);
  }

  /** Lets the daemon die at its `call`th call from now on, at one of {@link MOMENTS}; 0: at none. */
  killAt(call: number, moment = 0): void {
    this.#set(CALLS, 0);
    this.#set(KILL_WHEN, moment);
    this.#set(KILL_AT, call);
  }

  /** Undoes {@link killAt}, and goes on to count. */
  stayAlive(): void {
    this.#set(KILL_AT, 0);
  }

  /** From now on notes what is on the disk for sure. */
  keep(): void {
    this.#set(KEEP, 1);
  }

  /** The host loses power: of each file only that is there which the disk has kept for sure. */
  losePower(): void {
    this.#set(KEEP, 0);
    for (const companion of ["", "-wal", ".tail"]) {
      const file = this.store + companion;
      Deno.renameSync(`${file}@disk`, file);
    }
  }
}
