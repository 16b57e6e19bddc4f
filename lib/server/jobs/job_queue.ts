import type { Clock } from "../../clock.ts";
import type { ArchiveActions, RestoreOrder } from "../../engine/daemon_actions.ts";
import type { Connection } from "../../engine/connection.ts";
import type { State } from "../../engine/state.ts";
import type { Journal } from "../../journal/journal.ts";
import {
  ARCHIVE_ENDS_REMEMBERED,
  ARCHIVE_IDLE_MS,
  ARCHIVE_QUEUE_MAX,
  RESTORE_BYTES_MAX,
} from "../../limits.ts";
import type { Log } from "../logging/log.ts";
import type { Turns } from "../scheduler.ts";
import type { RestoreTarget } from "./restore_steps.ts";
import { DumpWork } from "./dump_work.ts";
import { inherit, ioOf } from "./in_flight.ts";
import { failure } from "./failure.ts";
import type { Job, WorkEnd } from "./job.ts";
import { RestoreWork } from "./restore_work.ts";

const NOTHING = new Uint8Array(0);

/** Dumps and restores of a daemon that goes on serving: one at a time, those behind it in a queue. */
export class JobQueue implements ArchiveActions {
  readonly #state: State;
  readonly #turns: Turns;
  readonly #log: Log;
  readonly #target: RestoreTarget;
  /** All that are known, in the order in which they were asked for. */
  readonly #jobs = new Map<string, Job>();
  #current: Job | null = null;
  /** Those that have ended, and whose client has not been told yet. */
  readonly #unreported = new Set<Job>();
  #waiting: Job[] = [];
  #held = false;
  #last = 0;
  wakeAt = Infinity;

  constructor(
    state: State,
    turns: Turns,
    journal: Journal,
    log: Log,
    private readonly clock: Clock,
    /** Nodes of which only the length of the value is known: see {@link DumpWork}. */
    private readonly hidden: ReadonlySet<string> = new Set(),
  ) {
    this.#state = state;
    this.#turns = turns;
    this.#log = log;
    this.#target = { state, journal, inherit };
  }

  get busy(): boolean {
    return this.#current !== null || this.#unreported.size > 0;
  }

  get bytes(): number {
    return this.#current?.work?.bytes ?? 0;
  }

  dump(by: Connection, domid: number | null, now: number): string {
    const begin: Job["begin"] = (onEnd) =>
      new DumpWork(this.#state, domid, ioOf, this.hidden, onEnd);
    return this.#add(by, "dump", begin, now);
  }

  restore(by: Connection, order: RestoreOrder, now: number): string {
    const { bytes, check } = order;
    if (bytes > RESTORE_BYTES_MAX) {
      return `${bytes} bytes are too many (at most ${RESTORE_BYTES_MAX})`;
    }
    if (this.#state.memory.exceeded(true, bytes)) {
      return `no memory for ${bytes} more bytes (--memory)`;
    }
    const begin: Job["begin"] = (onEnd) =>
      new RestoreWork(
        { ...this.#target, by },
        order,
        this.clock,
        (job) => this.#turns.begin(job),
        onEnd,
      );
    return this.#add(by, check ? "dry run of a restore" : "restore", begin, now);
  }

  status(by: Connection, number: string, now: number): string | null {
    const job = this.#asked(by, number, now);
    return job === null ? null : this.#statusOf(job);
  }

  cancel(by: Connection, number: string, now: number): string | null {
    const job = this.#asked(by, number, now);
    if (job === null) return null;
    this.#giveUp(job, "cancelled", "its client has cancelled it");
    return this.#statusOf(job);
  }

  read(by: Connection, number: string, now: number): Uint8Array | null {
    const job = this.#asked(by, number, now);
    if (job === null) return null;
    return job.work instanceof DumpWork ? job.work.read() : NOTHING;
  }

  put(by: Connection, number: string, bytes: Uint8Array, now: number): string | null {
    const job = this.#asked(by, number, now);
    if (job === null) return null;
    if (job.work instanceof RestoreWork && !job.work.put(bytes)) {
      this.#giveUp(job, "failed it has more bytes than announced", "it got too many bytes");
    }
    return this.#statusOf(job);
  }

  forget(by: Connection): void {
    for (const job of [...this.#jobs.values()]) {
      if (job.by !== by) continue;
      this.#giveUp(job, "cancelled", "its client is gone");
      // Nobody can ask for it any more.
      if (job.end === null) continue;
      this.#jobs.delete(`${job.number}`);
      this.#unreported.delete(job);
    }
  }

  look(now: number): void {
    if (now < this.wakeAt) return;
    this.#next();
    this.wakeAt = Infinity;
    for (const job of [...this.#pending(), ...this.#unreported]) {
      const until = job.askedAt + ARCHIVE_IDLE_MS;
      if (until > now) this.wakeAt = Math.min(this.wakeAt, until);
      else if (job.end !== null) this.#unreported.delete(job);
      else {
        const why = `its client has not asked for it for ${ARCHIVE_IDLE_MS / 1_000} s`;
        this.#giveUp(job, `failed ${why}`, why);
      }
    }
  }

  hold(held: boolean): void {
    this.#held = held;
    this.wakeAt = 0;
  }

  close(): void {
    this.#held = true;
    for (const job of this.#pending()) this.#giveUp(job, "cancelled", "the daemon ends");
    this.#unreported.clear();
  }

  /** Those that have not ended. */
  #pending(): readonly Job[] {
    return this.#current === null ? [...this.#waiting] : [this.#current, ...this.#waiting];
  }

  #add(by: Connection, what: string, begin: Job["begin"], now: number): string {
    if (this.#waiting.length >= ARCHIVE_QUEUE_MAX) {
      return `${ARCHIVE_QUEUE_MAX} dumps and restores wait already (try again later)`;
    }
    const number = ++this.#last;
    const job: Job = { number, by, what, begin, askedAt: now, work: null, end: null };
    this.#jobs.set(`${number}`, job);
    this.#waiting.push(job);
    this.wakeAt = Math.min(this.wakeAt, now + ARCHIVE_IDLE_MS);
    this.#next();
    return `job ${number}`;
  }

  /** A job that its own client asks for. */
  #asked(by: Connection, number: string, now: number): Job | null {
    const job = this.#jobs.get(number);
    if (job === undefined || job.by !== by) return null;
    job.askedAt = now;
    return job;
  }

  #statusOf(job: Job): string {
    const { end, number, work } = job;
    if (end !== null) {
      this.#unreported.delete(job);
      return end;
    }
    if (work === null) {
      const ahead = this.#pending().findIndex((other) => other.number === number);
      return `waiting ${ahead}`;
    }
    const { done, expected } = work.progress;
    return `running ${done} of ${Math.max(done, expected)}`;
  }

  #next(): void {
    while (this.#current === null && !this.#held) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      this.#current = job;
      const onEnd = ({ level, status, text }: WorkEnd): void => {
        this.#log(level, `${job.by.label}: ${job.what}: ${text}`);
        this.#ended(job, status);
      };
      try {
        job.work = job.begin(onEnd);
      } catch (error) {
        // There may be no memory for what must be restored.
        onEnd(failure(error));
      }
    }
  }

  /** Unless it has ended, or has taken effect. */
  #giveUp(job: Job, end: string, why: string): void {
    if (job.end !== null || job.work?.abandon() === false) return;
    this.#log("info", `${job.by.label}: ${job.what}: given up: ${why}`);
    this.#ended(job, end);
  }

  #ended(job: Job, end: string): void {
    job.end = end;
    job.work = null;
    this.#unreported.add(job);
    if (this.#current === job) this.#current = null;
    else this.#waiting = this.#waiting.filter((other) => other !== job);
    this.#forgetOld();
    // Not here: the store may be in the middle of a change.
    this.wakeAt = 0;
  }

  #forgetOld(): void {
    for (const [key, { end }] of this.#jobs) {
      if (this.#jobs.size <= ARCHIVE_ENDS_REMEMBERED) return;
      if (end !== null) this.#jobs.delete(key);
    }
  }
}
