import type { Connection } from "../../engine/connection.ts";
import type { LogLevel } from "../logging/log_format.ts";

/** How far a job is, for its client. */
export interface Progress {
  done: number;
  expected: number;
}

/** What a restore has come to: counts by their names, and a line for each thing that was left out. */
export interface RestoreReport {
  readonly nodes: number;
  readonly leftOut: readonly string[];
}

/** The steps of a job: it pauses where it yields, and returns what must be told of its end. */
export type JobSteps = Generator<void, RestoreReport>;

/** How the work of a job ended. */
export interface WorkEnd {
  /** What {@link Job.end} becomes. */
  readonly status: string;
  readonly level: LogLevel;
  /** For the log. */
  readonly text: string;
}

/** A dump or a restore that is under way. */
export interface Work {
  readonly progress: Progress;
  /** Bytes of memory that only it keeps. */
  readonly bytes: number;
  /** Gives it up without a trace; false where it has taken effect, and goes on to its end. */
  abandon(): boolean;
}

/** What a client has asked for. */
export interface Job {
  readonly number: number;
  readonly by: Connection;
  /** For the log. */
  readonly what: string;
  /** Begins the work, which tells its end unless it is given up. */
  readonly begin: (onEnd: (end: WorkEnd) => void) => Work;
  /** When its client has asked for it last, in ms. */
  askedAt: number;
  /** Null while it waits for others, and when it has ended. */
  work: Work | null;
  /** How it ended, as its client is told; null before. */
  end: string | null;
}
