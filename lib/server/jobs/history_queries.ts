import type { Clock } from "../../clock.ts";
import type { HistoryActions } from "../../engine/daemon_actions.ts";
import type { Connection } from "../../engine/connection.ts";
import type { Meter } from "../../engine/work_meter.ts";
import { AnswerEncoder } from "../../history/answer_bytes.ts";
import { type Answer, answer } from "../../history/answers.ts";
import type { History } from "../../history/history.ts";
import { parseQuery, QUERY_VERSION } from "../../history/query.ts";
import {
  ARCHIVE_IDLE_MS,
  ARCHIVE_SLICE_MS,
  HISTORY_QUERIES_MAX,
  HISTORY_REST_MS,
  HISTORY_STEP_UNITS,
} from "../../limits.ts";
import { PAYLOAD_MAX } from "../../wire/header.ts";
import type { Purges } from "../history/purges.ts";
import { type Log, stackOf } from "../logging/log.ts";

const UNUSABLE = "the history cannot be used now (the daemon's log says why)";
const NOTHING = new Uint8Array(0);

/** What queries need of the daemon. */
export interface QueryParts {
  /** Whose history is asked, as it is now: one that cannot be used any more is replaced. */
  readonly keeper: { readonly history: History | null; readonly purges: Purges };
  readonly meter: Meter;
  readonly clock: Clock;
  readonly log: Log;
}

/** A query that is being answered: a slice of it for each request for the next bytes. */
class RunningQuery {
  readonly #parts: QueryParts;
  readonly #encoder = new AnswerEncoder();
  #steps: Iterator<Answer | null, void> | null;
  #bytes: Uint8Array = NOTHING;

  constructor(readonly by: Connection, parts: QueryParts, steps: Iterator<Answer | null, void>) {
    this.#parts = parts;
    this.#steps = steps;
  }

  /** Whether it keeps something in memory. */
  get isUnderWay(): boolean {
    return this.#steps !== null || this.#bytes.length > 0;
  }

  /** When its client has asked last, in ms. */
  askedAt = 0;

  /** As many bytes as fit a reply, valid until the next call; none at the end. */
  read(): Uint8Array {
    if (this.#bytes.length === 0) this.#bytes = this.#answer();
    const bytes = this.#bytes.subarray(0, PAYLOAD_MAX);
    this.#bytes = this.#bytes.subarray(bytes.length);
    return bytes;
  }

  /** What one slice finds. */
  #answer(): Uint8Array {
    const { clock, log, meter } = this.#parts;
    const encoder = this.#encoder, until = clock.now() + ARCHIVE_SLICE_MS;
    if (this.#steps === null) return NOTHING;
    try {
      for (let isOver = false; !isOver;) {
        const step = this.#steps.next();
        if (step.done === true) {
          this.#steps = null;
          return encoder.take();
        }
        if (step.value !== null) encoder.add(step.value);
        else meter.add(HISTORY_STEP_UNITS);
        isOver = encoder.length >= PAYLOAD_MAX || (step.value === null && clock.now() >= until);
      }
      if (encoder.isEmpty) encoder.wait();
    } catch (error) {
      this.#steps = null;
      log("error", `${this.by.label}: a query of the history failed: ${stackOf(error)}`);
      encoder.add({ type: "failure", text: "internal error (the daemon's log has more)" });
    }
    return encoder.take();
  }
}

/**
 * Answers what privileged clients ask of the history while it goes on. A query costs as much at a time as the client takes of its
 * answer; it belongs to its connection and ends with it.
 */
export class HistoryQueries implements HistoryActions {
  readonly #parts: QueryParts;
  readonly #queries = new Map<string, RunningQuery>();
  #last = 0;
  wakeAt = Infinity;

  constructor(parts: QueryParts) {
    this.#parts = parts;
  }

  query(by: Connection, version: string, text: string, now: number): string {
    if (version !== QUERY_VERSION) {
      return `this daemon answers queries of version ${QUERY_VERSION} (use the xs that belongs to it)`;
    }
    const query = parseQuery(text);
    if (query === null) return "it is no query (use the xs that belongs to this daemon)";
    const underWay = [...this.#queries].filter(([, { isUnderWay }]) => isUnderWay);
    if (underWay.length >= HISTORY_QUERIES_MAX && !this.#giveUpIdle(underWay, now)) {
      return `busy ${underWay.length}`;
    }
    const { history } = this.#parts.keeper, number = `${++this.#last}`;
    if (history === null) return UNUSABLE;
    const running = new RunningQuery(by, this.#parts, answer(history, query));
    running.askedAt = now;
    this.#queries.set(number, running);
    this.wakeAt = Math.min(this.wakeAt, now + ARCHIVE_IDLE_MS);
    return `query ${number}`;
  }

  /** Gives up the query that was not read for longest, if its client rests: it asks again from where it was. */
  #giveUpIdle(queries: [string, RunningQuery][], now: number): boolean {
    const [number, { askedAt }] = queries.reduce((oldest, query) =>
      query[1].askedAt < oldest[1].askedAt ? query : oldest
    );
    return now - askedAt >= HISTORY_REST_MS && this.#queries.delete(number);
  }

  read(by: Connection, number: string, now: number): Uint8Array | null {
    const query = this.#queries.get(number);
    if (query === undefined || query.by !== by) return null;
    query.askedAt = now;
    return query.read();
  }

  end(by: Connection, number: string): boolean {
    if (this.#queries.get(number)?.by !== by) return false;
    return this.#queries.delete(number);
  }

  purge(paths: readonly string[]): string {
    const { history, purges } = this.#parts.keeper;
    return history === null ? UNUSABLE : purges.begin(paths);
  }

  purged(number: string): string | null {
    return this.#parts.keeper.purges.status(number);
  }

  forget(by: Connection): void {
    for (const [number, query] of this.#queries) {
      if (query.by === by) this.#queries.delete(number);
    }
  }

  look(now: number): void {
    if (now < this.wakeAt) return;
    this.wakeAt = Infinity;
    for (const [number, { askedAt }] of this.#queries) {
      const until = askedAt + ARCHIVE_IDLE_MS;
      if (until > now) this.wakeAt = Math.min(this.wakeAt, until);
      else this.#queries.delete(number);
    }
  }
}
