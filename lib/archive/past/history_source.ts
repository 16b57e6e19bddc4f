/** Where a history is asked: its daemon, or its file where there is none. */
import { isFile } from "../../files.ts";
import { DUMP_TRIES_MAX } from "../../limits.ts";
import { XenstoreError } from "../../client/error.ts";
import type { Operations } from "../../client/operations.ts";
import type { Answer, Head } from "../../history/answers.ts";
import type { Query } from "../../history/query.ts";
import { ArchiveError } from "../archive.ts";
import { TakenOverError } from "../remote_job.ts";
import { askDaemon } from "./ask_daemon.ts";

/** Answers but for a failure, which is thrown. */
type Answers = AsyncGenerator<Exclude<Answer, { type: "failure" }>, void>;

/** What is asked. */
export interface HistorySource {
  /** Whether more may come. */
  readonly isLive: boolean;
  ask(query: Query): Answers;
}

/** How the history is found. */
export interface HistoryPlace {
  /** The socket of the daemon. */
  readonly socketPath: string;
  /** A connection to it; made when it is first needed. */
  connect(): Promise<Operations>;
  /** The store file that is meant, whether or not a daemon runs; null for the daemon's. */
  readonly store: string | null;
}

/** Where the history of the store file at `path` is. */
export function historyPath(path: string): string {
  return `${path}.history`;
}

/**
 * The history of the daemon; where there is none, that of the store at the usual place.
 *
 * @throws {XenstoreError} when neither is there.
 */
export async function findHistory(
  { connect, socketPath, store }: HistoryPlace,
): Promise<HistorySource> {
  if (store !== null) {
    // What a daemon answers needs no locks.
    const { daemonOfHistory } = await import("./daemon_of_history.ts");
    const path = historyPath(store), nodes = await daemonOfHistory(path, store, connect);
    return nodes === null ? fileHistory(path) : daemonHistory(nodes);
  }
  try {
    return daemonHistory(await connect());
  } catch (error) {
    const usual = historyPath(`${socketPath}.store`);
    const isMissing = error instanceof XenstoreError && error.operation === "connect";
    if (isMissing && isFile(usual)) return fileHistory(usual);
    throw error;
  }
}

/** The history of a daemon. */
export function daemonHistory(nodes: Operations): HistorySource {
  return { isLive: true, ask: (query) => withoutFailure(askDaemon(nodes, query)) };
}

/** The history in a file. */
export function fileHistory(path: string): HistorySource {
  return { isLive: false, ask: (query) => askFileWhenNeeded(path, query) };
}

async function* askFileWhenNeeded(path: string, query: Query): Answers {
  // What a daemon answers needs no database.
  const { askFile } = await import("./ask_file.ts");
  yield* withoutFailure(askFile(path, query));
}

async function* withoutFailure(answers: AsyncGenerator<Answer, void>): Answers {
  for await (const answer of answers) {
    if (answer.type === "failure") throw new ArchiveError(answer.text);
    yield answer;
  }
}

/** All that is answered, and what is known of the history. */
export interface WholeAnswer {
  readonly head: Head;
  readonly answers: readonly Exclude<Answer, { type: "failure" } | Head>[];
}

/** A whole answer, asked for again where another daemon takes over meanwhile. */
export async function askWhole(source: HistorySource, query: Query): Promise<WholeAnswer> {
  for (let tries = 1;; tries++) {
    try {
      let head: Head | null = null;
      const answers: WholeAnswer["answers"][number][] = [];
      for await (const answer of source.ask(query)) {
        if (answer.type === "head") head = answer;
        else answers.push(answer);
      }
      if (head === null) throw new ArchiveError("the answer of the history is incomplete");
      return { head, answers };
    } catch (error) {
      if (!(error instanceof TakenOverError) || tries === DUMP_TRIES_MAX) throw error;
    }
  }
}
