import type { Clock } from "../../clock.ts";
import type { PassedMessage } from "../../../ffi/fd_passing.ts";
import { errorText } from "../../../ffi/libc.ts";
import { duplicateFrom } from "../../../ffi/spawn.ts";
import { closeFd } from "../../../ffi/unix_socket.ts";
import { budgeted } from "../logging/daemon_log_budget.ts";
import type { Log } from "../logging/log.ts";

/** What a service tells its manager, line by line: `READY=1` and such (sd_notify(3)). */
export function parseNotice(text: string): Map<string, string> {
  const notice = new Map<string, string>();
  for (const line of text.split("\n")) {
    const at = line.indexOf("=");
    if (at > 0) notice.set(line.slice(0, at), line.slice(at + 1));
  }
  return notice;
}

/** A descriptor that is kept. */
export interface HeldDescriptor {
  readonly name: string;
  readonly fd: number;
}

/**
 * Descriptors that a daemon has given away to be kept, by their names, as systemd keeps them:
 * FDSTORE=1 with FDNAME=, and FDSTOREREMOVE=1. Here each name is that of one.
 */
export class HeldDescriptors {
  /** The numbers of those that are kept begin here: a child's own, 3 and so on, come not near. */
  readonly least: number;
  readonly #max: number;
  readonly #log: Log;
  readonly #held = new Map<string, number>();

  /** Keeps at most `max`; one more can be given to a child beside them. */
  constructor(max: number, log: Log, clock: Clock) {
    this.#max = max;
    this.least = 3 + max + 1;
    this.#log = budgeted(log, clock);
  }

  /** Their names and numbers. */
  get all(): readonly HeldDescriptor[] {
    return [...this.#held].map(([name, fd]) => ({ name, fd }));
  }

  find(name: string): number | null {
    return this.#held.get(name) ?? null;
  }

  /** Does what a notice says about descriptors; those that came along and are not kept go. */
  apply(notice: ReadonlyMap<string, string>, { fds }: Pick<PassedMessage, "fds">): void {
    const name = notice.get("FDNAME") ?? "stored";
    if (notice.get("FDSTOREREMOVE") === "1") this.remove(name);
    for (const fd of fds) {
      if (notice.get("FDSTORE") === "1") this.keep(name, fd);
      closeFd(fd);
    }
  }

  /**
   * Keeps what `fd` stands for, which stays the caller's to close; false when that cannot be. What
   * had the name before goes.
   */
  keep(name: string, fd: number): boolean {
    this.remove(name);
    const duplicate = this.#held.size < this.#max ? duplicateFrom(fd, this.least) : null;
    if (duplicate !== null && duplicate >= 0) {
      this.#held.set(name, duplicate);
      return true;
    }
    const why = duplicate === null ? `there are ${this.#max}` : errorText(-duplicate);
    this.#log("warning", `descriptor '${name}' is not held: ${why}`);
    return false;
  }

  /** Keeps on under another name what is kept under one. */
  rename(from: string, to: string): void {
    const fd = this.#held.get(from);
    if (fd === undefined) return;
    this.remove(to);
    this.#held.delete(from);
    this.#held.set(to, fd);
  }

  /** Closes the one of a name. */
  remove(name: string): void {
    const fd = this.#held.get(name);
    if (fd === undefined) return;
    closeFd(fd);
    this.#held.delete(name);
  }

  close(): void {
    for (const fd of this.#held.values()) closeFd(fd);
    this.#held.clear();
  }
}
