import { descriptorTarget, keepOnExec, openDescriptors } from "../../../ffi/exec.ts";
import { closeFd, lockDirectory } from "../../../ffi/unix_socket.ts";
import { realPath, removeQuietly } from "../../files.ts";
import { type Log, message } from "../logging/log.ts";

/** Where the runtime keeps what it has compiled, so that it need not be compiled at each start. */
const CACHE = "DENO_DIR";

/** What {@link CACHE} was before it was lent; empty for nothing. */
const BEFORE = "XS_DENO_DIR";

/** Where that is, beside the state on its way to the next daemon. */
export function codeFolderOf(stateFile: string): string {
  return `${stateFile}.code`;
}

/**
 * A place for the next daemon's compiled code, between its trial and its start: clients wait for
 * the start, which takes a third of the time then. The usual place may be none at all
 * (`DENO_DIR=/dev/null`), or be lost with the binary that is replaced.
 */
export class CodeCache {
  readonly path: string;
  readonly #log: Log;
  #lent = false;
  /** Locks it as long as our process lives, also as the next daemon; negative where there is none. */
  #lock = -1;

  /** `stateFile` is where the state is left for the next daemon: only we may write there. */
  constructor(stateFile: string, log: Log) {
    this.path = codeFolderOf(stateFile);
    this.#log = log;
  }

  /** The environment for the trial; empty where there can be no such place. */
  open(): Record<string, string> {
    this.remove();
    try {
      Deno.mkdirSync(this.path, { mode: 0o700 });
      this.#lock = lockDirectory(this.path);
      return { [CACHE]: this.path };
    } catch (error) {
      this.#log("warning", `live update: it will start slowly: ${message(error)}`);
      return {};
    }
  }

  /** Lets the program that takes our place find it, and keep the lock. */
  lend(): void {
    if (this.#lock >= 0) keepOnExec(this.#lock, true);
    this.#lent = true;
    Deno.env.set(BEFORE, Deno.env.get(CACHE) ?? "");
    Deno.env.set(CACHE, this.path);
  }

  /** Nobody has taken our place, or will. */
  remove(): void {
    if (this.#lent) giveBack();
    this.#lent = false;
    removeQuietly(this.path, true);
    if (this.#lock >= 0) closeFd(this.#lock);
    this.#lock = -1;
  }
}

/**
 * In the trial: what a daemon's loop needs of the runtime, which that loads at the first use, is compiled
 * and put into the place now. Else it would be compiled, and written there, while clients wait.
 */
export async function warmCodeCache(): Promise<void> {
  for (let turn = 0; turn < WARM_TURNS; turn++) {
    await new Promise((resolve) => void setImmediate(resolve));
  }
}

/** The first loads it, the next ones let the runtime write. */
const WARM_TURNS = 3;

/** In the next daemon, once it has started: all is as before, and the place is not needed any more. */
export function returnCodeCache(): void {
  const path = Deno.env.get(CACHE);
  if (Deno.env.get(BEFORE) === undefined || path === undefined) return;
  giveBack();
  const locks = openDescriptors().filter((fd) => descriptorTarget(fd) === realPath(path));
  removeQuietly(path, true);
  for (const fd of locks) closeFd(fd);
}

function giveBack(): void {
  const before = Deno.env.get(BEFORE) ?? "";
  if (before === "") Deno.env.delete(CACHE);
  else Deno.env.set(CACHE, before);
  Deno.env.delete(BEFORE);
}
