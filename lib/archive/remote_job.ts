import { JOB_LOOK_FIRST_MS, JOB_LOOK_MAX_MS } from "../limits.ts";
import { sleep } from "../clock.ts";
import { XenstoreError } from "../client/error.ts";
import { type Operations, toByteText } from "../client/operations.ts";
import { PAYLOAD_MAX } from "../wire/header.ts";
import { MessageType } from "../wire/message_type.ts";
import { joinStrings } from "../wire/payload.ts";
import { joinBytes, toText } from "../wire/text.ts";
import { ArchiveError, type ProgressSink } from "./archive.ts";
import type { Interrupt } from "./interrupt.ts";

/** What a daemon answers that does not know such commands. */
const UNKNOWN = new Set(["EINVAL", "ENOSYS", "ENOENT", "EPERM"]);

const NUL = new Uint8Array(1);

/** A daemon that does not know the job: another one has its place. */
export class TakenOverError extends ArchiveError {
  constructor() {
    super("another daemon has taken over meanwhile (try again)");
  }
}

/** How a job stands. */
export type JobStatus =
  | { readonly kind: "waiting"; readonly ahead: number }
  | { readonly kind: "running"; readonly done: number; readonly expected: number }
  | { readonly kind: "done"; readonly report: string }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "cancelled" };

function parseStatus(text: string): JobStatus {
  const [, word, rest = ""] = /^(\w+) ?(.*)$/s.exec(text) ?? [];
  if (word === "done") return { kind: "done", report: rest };
  if (word === "cancelled") return { kind: "cancelled" };
  if (word === "waiting") return { kind: "waiting", ahead: Number(rest) };
  const [, done, expected] = /^(\d+) of (\d+)$/.exec(rest) ?? [];
  if (word === "running" && done !== undefined) {
    return { kind: "running", done: Number(done), expected: Number(expected) };
  }
  return { kind: "failed", why: rest === "" ? text : rest };
}

/** A dump or a restore that an `xs` daemon does for us, over our connection. */
export class RemoteJob {
  readonly #nodes: Operations;
  readonly #number: string;
  readonly #head: Uint8Array;

  private constructor(nodes: Operations, number: string) {
    this.#nodes = nodes;
    this.#number = number;
    this.#head = joinStrings("archive", number, "put");
  }

  /**
   * Asks for a job; null when the daemon is another kind, which has no such command.
   *
   * @throws {ArchiveError} with the daemon's reason when it refuses.
   */
  static async begin(nodes: Operations, words: readonly string[]): Promise<RemoteJob | null> {
    const begun = await ask(nodes, words);
    // oxenstored says OK to whatever it is told.
    if (begun === "OK") return null;
    if (begun === null) {
      if (!/^dump /m.test(await ask(nodes, ["help"]) ?? "")) return null;
      const hint = "use the xs that belongs to it, or start the new daemon";
      throw new ArchiveError(`this daemon is an older xs (${hint})`);
    }
    const [, number] = /^job (\d+)$/.exec(begun) ?? [];
    if (number === undefined) throw new ArchiveError(begun);
    return new RemoteJob(nodes, number);
  }

  /** Bytes that one {@link put} takes at most. */
  get putBytes(): number {
    return PAYLOAD_MAX - this.#head.length - 1;
  }

  async status(): Promise<JobStatus> {
    return parseStatus(toText(await this.#request(joinStrings("archive", this.#number))));
  }

  /** Gives it up unless it has taken effect; how it stands then. */
  async cancel(): Promise<JobStatus> {
    return parseStatus(toText(await this.#request(joinStrings("archive", this.#number, "cancel"))));
  }

  /** The next bytes of a dump; none at its end. */
  read(): Promise<Uint8Array> {
    return this.#request(joinStrings("archive", this.#number, "read"), false);
  }

  /** Gives the next bytes of what is restored; how the job stands then. */
  async put(bytes: Uint8Array): Promise<JobStatus> {
    const payload = joinBytes([this.#head, bytes, NUL]);
    return parseStatus(toText(await this.#request(payload)));
  }

  /** Looks at it until `until` says that its status is what is waited for, or it is interrupted. */
  async watch(
    until: (status: JobStatus) => boolean,
    what: string,
    progress: ProgressSink,
    interrupt: Interrupt,
  ): Promise<JobStatus> {
    for (let wait = JOB_LOOK_FIRST_MS;; wait = Math.min(2 * wait, JOB_LOOK_MAX_MS)) {
      const status = await this.status();
      if (until(status) || interrupt.requested) return status;
      if (status.kind === "waiting") {
        progress.update("waiting for other dumps and restores", status.ahead, 0);
      } else if (status.kind === "running") progress.update(what, status.done, status.expected);
      await sleep(this.#nodes.session.clock, wait);
    }
  }

  /** @throws {TakenOverError} when the daemon does not know the job. */
  async #request(payload: Uint8Array, isText = true): Promise<Uint8Array> {
    const subject = { operation: "control", path: "archive" };
    try {
      const { session, txId } = this.#nodes;
      const reply = await session.request(MessageType.CONTROL, txId, payload, subject);
      return isText && reply.at(-1) === 0 ? reply.subarray(0, -1) : reply;
    } catch (error) {
      if (!(error instanceof XenstoreError) || !UNKNOWN.has(error.code)) throw error;
      throw new TakenOverError();
    }
  }
}

async function ask(nodes: Operations, words: readonly string[]): Promise<string | null> {
  try {
    return await nodes.control(...words.map(toByteText));
  } catch (error) {
    if (error instanceof XenstoreError && UNKNOWN.has(error.code)) return null;
    throw error;
  }
}

/** Marks a promise as handled: a failure is reported when its turn comes, or by an earlier one. */
export function tracked<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
