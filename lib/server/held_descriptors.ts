import type { PassedMessage } from "../../ffi/fd_passing.ts";
import { errorText } from "../../ffi/libc.ts";
import { duplicateFrom } from "../../ffi/spawn.ts";
import { closeFd } from "../../ffi/unix_socket.ts";
import type { Log } from "./log.ts";

/** What a service tells its manager, line by line: `READY=1` and such (sd_notify(3)). */
export function parseNotice(text: string): Map<string, string> {
  const notice = new Map<string, string>();
  for (const line of text.split("\n")) {
    const at = line.indexOf("=");
    if (at > 0) notice.set(line.slice(0, at), line.slice(at + 1));
  }
  return notice;
}

/**
 * Descriptors that a daemon has given away to be kept, by their names, as systemd keeps them:
 * FDSTORE=1 with FDNAME=, and FDSTOREREMOVE=1.
 */
export class HeldDescriptors {
  readonly #max: number;
  readonly #least: number;
  readonly #log: Log;
  #held: { readonly name: string; readonly fd: number }[] = [];

  /** Keeps at most `max`, under numbers that a child's own, 3 and so on, do not come near. */
  constructor(max: number, log: Log) {
    this.#max = max;
    this.#least = 3 + max;
    this.#log = log;
  }

  /** Their names and numbers, in the order in which they came. */
  get all(): readonly { readonly name: string; readonly fd: number }[] {
    return this.#held;
  }

  /** Does what a notice says about descriptors; those that came along and are not kept go. */
  apply(notice: ReadonlyMap<string, string>, { fds }: PassedMessage): void {
    const name = notice.get("FDNAME") ?? "stored";
    if (notice.get("FDSTOREREMOVE") === "1") this.remove(name);
    for (const fd of fds) {
      if (notice.get("FDSTORE") === "1") this.#keep(name, fd);
      closeFd(fd);
    }
  }

  #keep(name: string, fd: number): void {
    if (this.#held.length >= this.#max) {
      return this.#log("warning", `descriptor '${name}' is not held: there are ${this.#max}`);
    }
    const kept = duplicateFrom(fd, this.#least);
    if (kept >= 0) this.#held.push({ name, fd: kept });
    else this.#log("warning", `descriptor '${name}' can't be held: ${errorText(-kept)}`);
  }

  /** Closes those of a name. */
  remove(name: string): void {
    for (const held of this.#held) if (held.name === name) closeFd(held.fd);
    this.#held = this.#held.filter((held) => held.name !== name);
  }

  close(): void {
    for (const { fd } of this.#held) closeFd(fd);
    this.#held = [];
  }
}
