/** Asks a daemon about its history, over its socket. */
import {
  DUMP_REQUESTS_AHEAD,
  DUMP_TRIES_MAX,
  HISTORY_BUSY_TRIES_MAX,
  JOB_LOOK_MAX_MS,
} from "../../limits.ts";
import { sleep } from "../../clock.ts";
import { XenstoreError } from "../../client/error.ts";
import { type Operations, toByteText } from "../../client/operations.ts";
import { AnswerDecoder } from "../../history/answer_bytes.ts";
import type { Answer } from "../../history/answers.ts";
import { formatQuery, type LogQuery, type Query, QUERY_VERSION } from "../../history/query.ts";
import { PAYLOAD_MAX } from "../../wire/header.ts";
import { ArchiveError, NoHistoryError } from "../archive.ts";
import { TakenOverError, tracked } from "../remote_job.ts";

/** What daemons answer that do not know the command, or whose answer is not there any more. */
const UNKNOWN = new Set(["EINVAL", "ENOSYS", "ENOENT"]);

/**
 * What a daemon answers. A log that is taken slowly, or while another daemon takes over, goes on where it was.
 *
 * @throws {ArchiveError} when it keeps no history; {@link TakenOverError} when an answer of another kind was cut off;
 *   {@link XenstoreError} from the daemon.
 */
export async function* askDaemon(nodes: Operations, query: Query): AsyncGenerator<Answer, void> {
  if (query.kind !== "log") return yield* askOnce(nodes, query);
  const place = new Place(query);
  for (let tries = 1;;) {
    try {
      for await (const answer of askOnce(nodes, place.rest)) {
        if (!place.takes(answer)) continue;
        tries = 1;
        yield answer;
        if (place.isOver) return;
      }
      return;
    } catch (error) {
      if (!(error instanceof TakenOverError) || ++tries > DUMP_TRIES_MAX) throw error;
    }
  }
}

/** How far a log has been read. */
class Place {
  readonly #query: LogQuery;
  /** The last number that there was when it was first asked for. */
  #end: number | null = null;
  #completeAfter = 0;
  #number: number | null = null;
  /** How many parts of that number there were, and how many come again. */
  #parts = 0;
  #again = 0;
  /** The first numbers of what was damaged. */
  readonly #damaged = new Set<number>();
  #rows = 0;

  constructor(query: LogQuery) {
    this.#query = query;
  }

  /** What is still to be asked. */
  get rest(): LogQuery {
    const end = this.#end, number = this.#number, query = this.#query;
    this.#again = this.#parts;
    if (number === null || end === null) return query;
    const { backwards, filter, last } = query, { since = 0, until = Infinity } = filter;
    if (backwards) {
      return { ...query, last: null, filter: { ...filter, until: Math.min(until, number) } };
    }
    const rest = { ...filter, since: Math.max(since, number) };
    // Those that have come since then are newer than the newest that were asked for.
    return last === null
      ? { ...query, filter: rest }
      : { ...query, last: null, filter: { ...rest, until: Math.min(until, end) } };
  }

  /** Whether as many as were asked for have come: what is still to be asked says no number of rows. */
  get isOver(): boolean {
    return this.#rows === this.#query.last;
  }

  /** Whether an answer is news. */
  takes(answer: Answer): boolean {
    if (answer.type === "head") {
      const isNews = this.#end === null || answer.completeAfter > this.#completeAfter;
      this.#end ??= answer.last;
      this.#completeAfter = answer.completeAfter;
      return isNews;
    }
    if (answer.type === "damage") {
      if (this.#damaged.has(answer.first)) return false;
      this.#damaged.add(answer.first);
      this.#rows++;
      return true;
    }
    if (answer.type !== "record") return true;
    const { number } = answer.record;
    if (number === this.#number && this.#again > 0) {
      this.#again--;
      return false;
    }
    this.#parts = number === this.#number ? this.#parts + 1 : 1;
    this.#number = number;
    this.#again = 0;
    this.#rows++;
    return true;
  }
}

async function* askOnce(nodes: Operations, query: Query): AsyncGenerator<Answer, void> {
  const number = await begin(nodes, query);
  const decoder = new AnswerDecoder(), flying: Promise<Uint8Array>[] = [];
  let isOver = false;
  try {
    for (let ahead = 1;; ahead = Math.min(2 * ahead, DUMP_REQUESTS_AHEAD)) {
      while (flying.length < ahead) flying.push(tracked(read(nodes, number)));
      const bytes = await flying.shift()!;
      if (bytes.length === 0) break;
      yield* decoder.feed(bytes);
    }
    isOver = true;
    await Promise.all(flying);
  } finally {
    // Nobody waits for the rest of it.
    if (!isOver && nodes.session.open) {
      await nodes.controlBytes("history", "end", number).catch(() => {});
      await Promise.allSettled(flying);
    }
  }
}

/** Asks; returns the query's number. */
async function begin(nodes: Operations, query: Query): Promise<string> {
  const text = toByteText(formatQuery(query));
  if (text.length > PAYLOAD_MAX / 2) throw new ArchiveError("too many or too long paths");
  for (let tries = 1;; tries++) {
    const reply = await historyControl(nodes, "query", QUERY_VERSION, text);
    // oxenstored answers OK to any command.
    if (reply === null || reply === "OK") {
      throw new NoHistoryError("the daemon keeps no history (only an xs with `xs log` does)");
    }
    const [, number] = /^query (\d+)$/.exec(reply) ?? [];
    if (number !== undefined) return number;
    if (reply === "off") throw new NoHistoryError("the daemon keeps no history (--history off)");
    if (!reply.startsWith("busy ")) throw new ArchiveError(reply);
    if (tries === HISTORY_BUSY_TRIES_MAX) {
      throw new ArchiveError("the daemon answers other queries of its history (try again later)");
    }
    await sleep(nodes.session.clock, JOB_LOOK_MAX_MS);
  }
}

/**
 * The answer to a command about the history; null when the daemon does not know the command, or the thing that it names.
 *
 * @throws {ArchiveError} for a client that may not ask.
 */
export async function historyControl(
  nodes: Operations,
  ...words: string[]
): Promise<string | null> {
  try {
    return await nodes.control("history", ...words);
  } catch (error) {
    if (error instanceof XenstoreError && UNKNOWN.has(error.code)) return null;
    if (error instanceof XenstoreError && error.code === "EACCES") {
      throw new ArchiveError("the history is for privileged clients only (EACCES)");
    }
    throw error;
  }
}

async function read(nodes: Operations, number: string): Promise<Uint8Array> {
  try {
    return await nodes.controlBytes("history", "read", number);
  } catch (error) {
    if (error instanceof XenstoreError && UNKNOWN.has(error.code)) throw new TakenOverError();
    throw error;
  }
}
