/** What the commands that look at the history have in common: loaded when one of them is called. */
import { fromByteText, Operations, toByteText } from "../../lib/client/operations.ts";
import type { Session } from "../../lib/client/session.ts";
import { wallMs } from "../../lib/clock.ts";
import { ArchiveError, NoHistoryError } from "../../lib/archive/archive.ts";
import { findHistory, type HistorySource } from "../../lib/archive/past/history_source.ts";
import { parsePoint, type Point, PointError } from "../../lib/history/points.ts";
import { openSession, socketPath, type Status, type XsContext } from "../context.ts";
import { asFailure, UsageError } from "../report.ts";
import type { Shell } from "../shell.ts";
import { type HistoryFlags, pointText } from "./parameters.ts";

/** What is said of the number after which a history begins, where a commit is asked for. */
export const BEGINNING = "the history begins after it";

/** A history, and a daemon spoken to, by one command. */
export class LookBack {
  readonly shell: Shell;
  readonly #flags: HistoryFlags;
  #session: Session | null = null;

  constructor(shell: Shell, flags: HistoryFlags) {
    this.shell = shell;
    this.#flags = flags;
  }

  readonly connect = async (): Promise<Operations> => {
    this.#session ??= await openSession(this.shell, this.#flags);
    return new Operations(this.#session);
  };

  async source(): Promise<HistorySource> {
    const { store } = this.#flags;
    return await findHistory({
      socketPath: socketPath(this.shell, this.#flags),
      connect: this.connect,
      store: store === undefined ? null : fromByteText(store),
    });
  }

  /** In ms since 1970. */
  get now(): number {
    return wallMs(this.shell.clock);
  }

  /** @throws {UsageError} naming what it was given for. */
  point(text: string, object: string = text): Point {
    try {
      return parsePoint(fromByteText(pointText(text)), this.now);
    } catch (error) {
      if (!(error instanceof PointError)) throw error;
      throw new UsageError(toByteText(error.message), object);
    }
  }

  pointOrNull(text: string | undefined, object: string): Point | null {
    return text === undefined ? null : this.point(text, object);
  }

  /** Whether to print in colours. */
  get colour(): boolean {
    return this.shell.isTerminal("stdout") && (this.shell.around.env("NO_COLOR") ?? "") === "";
  }

  close(): void {
    this.#session?.close();
  }
}

/** Asks the history about a point; an error names the option that has the point. */
export async function aboutPoint<T>(option: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const isAboutPoint = error instanceof ArchiveError && error.object === "" &&
      !(error instanceof NoHistoryError);
    throw isAboutPoint ? new ArchiveError(error.text, option) : error;
  }
}

/** Runs an action; an error of the history becomes a failure of the command. */
export async function lookBack(
  { shell }: XsContext,
  flags: HistoryFlags,
  action: (past: LookBack) => Promise<Status>,
): Promise<Status> {
  const past = new LookBack(shell, flags);
  try {
    return await action(past);
  } catch (error) {
    throw error instanceof ArchiveError ? asFailure(error) : error;
  } finally {
    past.close();
  }
}
