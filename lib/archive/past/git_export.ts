/** A history as a stream for `git fast-import`, from a daemon or from a file. */
import type { Damage, Head, RecordAnswer } from "../../history/answers.ts";
import {
  changeText,
  recordHeader,
  replaceAll,
  snapshotCommit,
  STREAM_BEGINS,
  STREAM_ENDS,
} from "../../history/git/fast_import.ts";
import { LogMatcher } from "../../history/log_filter.ts";
import type { Point } from "../../history/points.ts";
import { ALL_RECORDS, type LogQuery } from "../../history/query.ts";
import {
  type Commit,
  type Gap,
  hasKeyframe,
  type HistoryRecord,
  type NodeState,
} from "../../history/record.ts";
import { ArchiveError } from "../archive.ts";
import { askWhole, type HistorySource } from "./history_source.ts";
import { PastNodes } from "./past_nodes.ts";
import { counted } from "../../wire/counted.ts";

/** What of a history becomes a repository. */
export interface ExportRange {
  /** From a point on, up to one; null for all that there is. */
  readonly since: Point | null;
  readonly until: Point | null;
  /** Paths and patterns, of which what is below counts as well; none for all. */
  readonly paths: readonly string[];
}

/** What the user should know of an export: that something is not known exactly, or was damaged. */
export type Note = (text: string, isDamage: boolean) => void;

type Pieces = AsyncGenerator<string, void>;

/**
 * The stream, in pieces of one character a byte. Its first commit is the whole store as it was where the range begins, and each
 * further one is a commit of the store.
 *
 * @throws {ArchiveError} when there is no such history.
 */
export async function* exportToGit(
  source: HistorySource,
  range: ExportRange,
  note: Note,
): Pieces {
  yield* new GitExport(source, range, note).run();
}

class GitExport {
  readonly #source: HistorySource;
  readonly #range: ExportRange;
  readonly #note: Note;
  readonly #matcher: LogMatcher;
  /** The last number that is in the stream, and whether its commit may go on. */
  #last = -1;
  #lastAt = 0;
  #isOpen = false;

  constructor(source: HistorySource, range: ExportRange, note: Note) {
    const { paths } = range;
    this.#source = source;
    this.#range = range;
    this.#note = note;
    this.#matcher = new LogMatcher({ ...(paths.length === 0 ? {} : { paths }) });
  }

  async *run(): Pieces {
    const head = await this.#head();
    yield STREAM_BEGINS;
    yield* this.#begin(Math.max(head.begins.number, head.number - 1), head);
    while (yield* this.#records());
    if (this.#isOpen) yield "\n";
    yield STREAM_ENDS;
  }

  /** What the range means. */
  async #head(): Promise<Head> {
    return (await askWhole(this.#source, { ...this.#query(null), last: 0 })).head;
  }

  #query(after: number | null): LogQuery {
    const { paths, since, until } = this.#range;
    const filter = {
      ...(paths.length === 0 ? {} : { paths }),
      ...(after === null ? {} : { since: after + 1 }),
    };
    return { ...ALL_RECORDS, since, until, filter };
  }

  async *#begin(number: number, { begins }: Head): Pieces {
    const at = number === begins.number ? begins.at : await this.#timeOf(number) ?? begins.at;
    yield* snapshotCommit({ number, at }, "the store as it was", await this.#nodesAt(number));
    this.#last = number;
    this.#lastAt = at;
  }

  /** When a commit was; null where nothing is left of it, or it cannot be read. */
  async #timeOf(number: number): Promise<number | null> {
    try {
      const { answers } = await askWhole(this.#source, { kind: "show", point: commit(number) });
      const records = answers.filter((answer): answer is RecordAnswer => answer.type === "record");
      return records.find(({ record }) => record.number === number)?.record.at ?? null;
    } catch (error) {
      if (error instanceof ArchiveError) return null;
      throw error;
    }
  }

  async #nodesAt(number: number): Promise<[string, NodeState][]> {
    const { nodes, unknowns } = await PastNodes.read(this.#source, commit(number), ["/"]);
    if (unknowns.length > 0) {
      const count = unknowns.length;
      this.#note(
        `#${number}: of ${counted(count, "path")} it is not known exactly what they had`,
        false,
      );
    }
    return [...nodes].filter(([path]) => this.#matcher.matchesPath(path));
  }

  /** The records behind the last one, up to one whose content a keyframe has; false when there are none. */
  async *#records(): AsyncGenerator<string, boolean> {
    let isFirst = true;
    for await (const answer of this.#source.ask(this.#query(this.#last))) {
      if (answer.type === "head") {
        this.#checkNothingIsPruned(answer, isFirst);
        isFirst = false;
      } else if (answer.type === "damage") return yield* this.#damage(answer);
      else if (answer.type === "record") {
        yield* this.#record(answer.record);
        if (hasKeyframe(answer.record)) return true;
      }
    }
    return false;
  }

  #checkNothingIsPruned({ begins, completeAfter }: Head, isFirst: boolean): void {
    if (begins.number > this.#last) {
      throw new ArchiveError("the history was pruned meanwhile (try again)");
    }
    if (isFirst) return;
    const text = "some commits up to it were folded or thinned meanwhile: the export lacks them";
    this.#note(`#${completeAfter}: ${text}`, false);
  }

  async *#record(record: HistoryRecord): Pieces {
    if (record.type === "abort") return;
    const changes = record.type === "gap"
      ? []
      : record.changes.filter((change) => this.#matcher.matchesChange(change));
    if (record.number !== this.#last || !this.#isOpen) yield* this.#open(record, changes);
    if (hasKeyframe(record)) yield* replaceAll(await this.#nodesAt(record.number));
    else for (const change of changes) yield* changeText(change);
  }

  *#open(record: Commit | Gap, changes: Commit["changes"]): Generator<string, void> {
    const isHidden = ({ new: now }: Commit["changes"][number]): boolean =>
      now !== null && !(now.value instanceof Uint8Array);
    if (this.#isOpen) yield "\n";
    yield recordHeader(record, changes.filter(isHidden).length);
    this.#last = record.number;
    this.#lastAt = record.at;
    this.#isOpen = true;
  }

  /** The store as far as it is known behind what cannot be read. */
  async *#damage({ first, last, text }: Damage): AsyncGenerator<string, boolean> {
    this.#note(text, true);
    if (this.#isOpen) yield "\n";
    this.#isOpen = false;
    const at = this.#lastAt, what = `records #${first} to #${last} are damaged`;
    yield* snapshotCommit({ number: last, at }, what, await this.#nodesAt(last));
    this.#last = last;
    return true;
  }
}

function commit(number: number): Point {
  return { kind: "commit", number, back: 0 };
}
