import type { Clock } from "../../clock.ts";
import { type ClientProcess, type ProcessAuthor, sameAuthor } from "../../engine/author.ts";
import { AUTHOR_TEXT_MAX, STAT_BYTES_MAX } from "../../limits.ts";
import { startTimeIn } from "../../part_file.ts";
import { toText } from "../../wire/text.ts";

/** What the kernel says of who connected (SO_PEERCRED, unix(7)): the process of that moment. */
export interface Credentials {
  readonly pid: number;
  readonly uid: number;
}

/** Clock ticks in a ms: USER_HZ is 100 (proc_pid_stat(5)). */
const TICKS_PER_MS = 0.1;
/** The host's uptime is told in ticks, and cut. */
const TICKS_UNSURE = 2;

/**
 * The process behind a socket. The accept path asks for its credentials and its short name only; the
 * rest is read when its first change is told, once. It waits for its answer then, so it is mostly there.
 * If it has ended, or its pid is another's by now, which has then started later than it was accepted, the
 * start time is null and the command is the short name.
 */
export class SocketProcess implements ClientProcess {
  readonly #domid: number;
  readonly #credentials: Credentials | null;
  readonly #clock: Clock;
  readonly #acceptedAt: number;
  /** Its short name when it was accepted; null if it was gone by then. */
  readonly #name: string | null;
  /** What its short name has to be still, where it was accepted before this daemon began. */
  readonly #nameBefore: string | null;
  #author: ProcessAuthor | null = null;

  /** `labelBefore` is what another daemon called it that had the connection before. */
  constructor(
    domid: number,
    credentials: Credentials | null,
    clock: Clock,
    labelBefore: string | null = null,
  ) {
    this.#domid = domid;
    this.#nameBefore = /\(pid \d+ (.*)\)$/.exec(labelBefore ?? "")?.[1] ?? null;
    // A process of another pid namespace has no number here.
    this.#credentials = credentials === null || credentials.pid <= 0 ? null : credentials;
    this.#clock = clock;
    this.#acceptedAt = clock.now();
    this.#name = this.#credentials === null ? null : shortName(this.#credentials.pid);
  }

  /** As the log names it: `pid 1234 xl`. */
  get label(): string {
    const pid = this.#credentials?.pid ?? 0;
    return this.#name === null ? `pid ${pid}` : `pid ${pid} ${this.#name}`;
  }

  get author(): ProcessAuthor {
    return this.#author ??= shared(this.#find());
  }

  #find(): ProcessAuthor {
    const domid = this.#domid, pid = this.#credentials?.pid ?? null;
    const uid = this.#credentials?.uid ?? null;
    const read = pid === null ? null : readProcess(pid);
    const age = this.#clock.now() - this.#acceptedAt;
    const isSame = read !== null &&
      read.startTime <= read.now - age * TICKS_PER_MS + TICKS_UNSURE &&
      (this.#nameBefore === null || this.#nameBefore === this.#name);
    return {
      kind: "process",
      domid,
      pid,
      uid,
      startTime: isSame ? read.startTime : null,
      command: isSame && read.command !== "" ? read.command : this.#nameBefore ?? this.#name,
    };
  }
}

/** The author that was found last. */
let latest: ProcessAuthor | null = null;

/** The same one for all connections of a process, which mostly come together: others look for what they know of an author. */
function shared(author: ProcessAuthor): ProcessAuthor {
  if (latest === null || !sameAuthor(latest, author)) latest = author;
  return latest;
}

/** Null when there is no such process any more. */
function shortName(pid: number): string | null {
  try {
    // The journal has one byte for each character of a label.
    return Deno.readTextFileSync(`/proc/${pid}/comm`).trimEnd().replaceAll(/[^\x20-\x7e]/g, "?");
  } catch {
    return null;
  }
}

interface ReadProcess {
  /** In ticks since the boot, as `now` is. */
  readonly startTime: number;
  readonly now: number;
  /** Empty for one that is ending. */
  readonly command: string;
}

/** The process that has a pid now; null when none has. */
function readProcess(pid: number): ReadProcess | null {
  try {
    const words = readStart(`/proc/${pid}/cmdline`, AUTHOR_TEXT_MAX);
    // Behind it: if the pid changed hands, the start is that of the later one.
    const stat = toText(readStart(`/proc/${pid}/stat`, STAT_BYTES_MAX));
    const startTime = startTimeIn(stat);
    if (startTime === null) return null;
    const now = Number.parseFloat(Deno.readTextFileSync("/proc/uptime")) * 1_000 * TICKS_PER_MS;
    return { startTime, now, command: toText(words).replace(/\0+$/, "").replaceAll("\0", " ") };
  } catch {
    return null;
  }
}

/** The first `most` bytes of a file at most. */
function readStart(path: string, most: number): Uint8Array {
  using file = Deno.openSync(path);
  const bytes = new Uint8Array(most);
  const read = file.readSync(bytes) ?? 0;
  return bytes.subarray(0, read);
}
