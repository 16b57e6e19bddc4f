/** Takes paths out of a history for good, in steps: their values become hidden, as if they had been redacted from the beginning. */
import { DamagedBlock } from "./blocks.ts";
import { HistoryError } from "./database.ts";
import { mayHave } from "./filter.ts";
import type { History } from "./history.ts";
import { isUnder } from "./path_set.ts";
import type { Steps } from "./reading.ts";
import type { Author, Change, HistoryRecord, NodeState } from "./record.ts";
import { withoutArguments, WRITERS } from "./recorder.ts";

/**
 * Hides all values at and below some paths, of all stores that the history is of; returns how many. Nothing else may change
 * records meanwhile, but some may be added. When it is cut short, what it has done is done, and it can begin again.
 *
 * @throws {HistoryError} when the history cannot be written.
 */
export function* purge(history: History, paths: readonly string[]): Steps<number> {
  const purger = new Purger(paths);
  // One that is being written does not hear of what changes.
  while (history.stepKeyframe()) yield null;
  for (let at = 0;;) {
    const head = history.blocks.neighbour(at, false);
    if (head === null || head.block >= history.growing) break;
    at = head.block;
    if (!purger.mayBeIn(head.filter)) continue;
    written(history.rewrite(() => {
      try {
        const records = history.blocks.read(head), left = records.map(purger.record);
        if (left.some((record, i) => record !== records[i])) {
          history.blocks.put(head.block, head.era, left, true);
        }
      } catch (error) {
        if (!(error instanceof DamagedBlock)) throw error;
        // It stays a damaged block, without the bytes in which something may be found.
        history.blocks.blank(head);
      }
    }));
    yield null;
  }
  written(history.rewriteLatest(purger.record));
  yield null;
  for (const head of [...history.keyframes.heads]) {
    let from: Uint8Array | null = new Uint8Array(0);
    while (from !== null) {
      const at: Uint8Array = from;
      written(history.rewrite(() => {
        from = history.keyframes.changeNext(head, at, purger.node);
      }));
      yield null;
    }
  }
  return purger.count;
}

/**
 * The end of a purge: what was overwritten is in the file's log no more.
 *
 * @throws {HistoryError} as {@link purge}
 */
export function emptyLog(history: History): void {
  written(history.checkpoint());
}

function written(isWritten: boolean): void {
  if (!isWritten) throw new HistoryError("the history cannot be written");
}

/** Hides values, and counts them. */
class Purger {
  count = 0;

  constructor(private readonly paths: readonly string[]) {}

  /** Whether a block may have something of it. */
  mayBeIn(filter: string): boolean {
    return this.paths.some((path) => mayHave(filter, path)) ||
      WRITERS.some((program) => mayHave(filter, `command ${program}`));
  }

  #isIn(path: string): boolean {
    return this.paths.some((top) => isUnder(path, top));
  }

  readonly node = (path: string, node: NodeState): NodeState =>
    this.#isIn(path) ? this.#hidden(node) : node;

  #hidden(node: NodeState): NodeState {
    if (!(node.value instanceof Uint8Array)) return node;
    this.count++;
    return { ...node, value: { redacted: node.value.length } };
  }

  /** The same record where there is nothing to hide. */
  readonly record = (record: HistoryRecord): HistoryRecord => {
    if (record.type === "gap") return record;
    const { author } = record;
    if (record.type === "abort") {
      const known = this.#author(author, this.#isIn(record.path));
      return known === author ? record : { ...record, author: known };
    }
    const changes = record.changes.map(this.#change);
    const isSame = changes.every((change, i) => change === record.changes[i]);
    const known = this.#author(author, record.changes.some(({ path }) => this.#isIn(path)));
    return isSame && known === author ? record : { ...record, author: known, changes };
  };

  readonly #change = (change: Change): Change => {
    if (!this.#isIn(change.path)) return change;
    const { new: now, old } = change;
    const hidden = {
      ...change,
      old: old && this.#hidden(old),
      new: now && this.#hidden(now),
    };
    return hidden.old === old && hidden.new === now ? change : hidden;
  };

  /** The command line of what wrote such a value may have it, also where the commit is of another path. */
  #author(author: Author, isOfPath: boolean): Author {
    if (author.kind !== "process" || author.command === null) return author;
    const { command } = author;
    const names = isOfPath || this.paths.some((path) => path !== "/" && command.includes(path));
    const known = names ? withoutArguments(author) : author;
    return known.kind === "process" && known.command === command ? author : known;
  }
}
