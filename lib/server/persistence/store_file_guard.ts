import type { Clock, Timer } from "../../clock.ts";
import { statOf } from "../../files.ts";
import { STORE_LOOK_MS } from "../../limits.ts";
import type { Log } from "../logging/log.ts";

/** Bytes that a store file has at least: SQLite's first page. */
const STORE_BYTES_MIN = 4_096;

/** Which file a name stands for. */
interface Identity {
  readonly dev: number;
  readonly ino: number | null;
  readonly size: number;
}

/**
 * Looks whether the store's files are still where the next daemon will look for them. A file that
 * is deleted or replaced stays usable for this daemon, which notices nothing: it serves on, and a
 * restart loses everything since. A live update writes the store again.
 */
export class StoreFileGuard {
  readonly #log: Log;
  readonly #path: string;
  readonly #known = new Map<string, Identity>();
  #timer: Timer | null = null;

  /** `path` is that of a store file that is open. */
  constructor(path: string, log: Log, private readonly clock: Clock) {
    this.#path = path;
    this.#log = log;
    for (const name of [path, `${path}-wal`, `${path}.tail`]) {
      const identity = statOf(name);
      // A daemon that can keep nothing has said so.
      if (identity !== null) this.#known.set(name, identity);
    }
  }

  /** Looks from now on, until {@link close}. */
  start(): void {
    this.#timer = this.clock.every(STORE_LOOK_MS, () => this.look());
  }

  /** Says once what is wrong; looks no further then. */
  look(): void {
    for (const [name, known] of this.#known) {
      const trouble = this.#troubleOf(name, known);
      if (trouble === null) continue;
      this.close();
      const advice = "a restart loses data (run `xs live-update`: it writes the store again)";
      this.#log("error", `store ${this.#path}: ${name} ${trouble}: ${advice}`);
      return;
    }
  }

  #troubleOf(name: string, known: Identity): string | null {
    const now = statOf(name);
    if (now === null) return "was deleted";
    if (now.ino !== known.ino || now.dev !== known.dev) return "was replaced";
    const isCut = name === this.#path && now.size < STORE_BYTES_MIN &&
      known.size >= STORE_BYTES_MIN;
    return isCut ? `was cut to ${now.size} bytes` : null;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#known.clear();
  }
}
