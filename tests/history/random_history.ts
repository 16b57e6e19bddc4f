/** Random histories, with all that was true at each moment of them. */
import {
  type Author,
  type Change,
  FACETS,
  type HistoryRecord,
  type NodeState,
} from "../../lib/history/record.ts";
import { toBytes } from "../../lib/wire/text.ts";
import type { Random } from "../support/random.ts";

/** What was done under one number, whether or not it was recorded. */
export interface Truth {
  readonly number: number;
  readonly record: HistoryRecord;
  /** The store after it. */
  readonly nodes: ReadonlyMap<string, NodeState>;
}

export const AUTHORS: readonly Author[] = [
  { kind: "domain", domid: 1, uniqueId: 11n, name: "quiet" },
  { kind: "domain", domid: 2, uniqueId: 22n, name: null },
  { kind: "process", domid: 0, pid: 77, startTime: 123, uid: 0, command: "/usr/sbin/xl create" },
  { kind: "daemon" },
];
/** The author who does little. */
export const QUIET = AUTHORS[0]!;

const PATHS = [
  "/a",
  "/a/b",
  "/a/b/c",
  "/local",
  "/local/domain/1/data/x",
  "/local/domain/1/name",
  "/local/domain/2",
  "/local/domain/2/data",
  "/local/domain/2/data/y",
  "/vm",
];

/** Makes one commit after the other; remembers what is true after each. */
export class RandomHistory {
  readonly truths: Truth[] = [];
  #nodes: ReadonlyMap<string, NodeState> = new Map();
  number: number;
  #at = 1_000_000_000_000;
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
    this.number = random.below(1_000);
  }

  get nodes(): ReadonlyMap<string, NodeState> {
    return this.#nodes;
  }

  get now(): number {
    return this.#at;
  }

  /** The next record, a commit or, now and then, an abort. */
  next(): HistoryRecord {
    const random = this.#random;
    this.number++;
    // The clock is set back at times.
    this.#at += random.chance(0.02) ? -random.below(100_000_000) : 1 + random.below(5_000_000);
    const author = random.chance(0.05) ? QUIET : random.pick(AUTHORS.slice(1));
    const record = random.chance(0.1) ? this.#abort(author) : this.#commit(author);
    this.truths.push({ number: this.number, record, nodes: this.#nodes });
    return record;
  }

  /** The next record as one that replaced the whole store. */
  restore(): HistoryRecord {
    const commit = this.next();
    const record: HistoryRecord = {
      type: "commit",
      number: commit.number,
      at: commit.at,
      author: commit.type === "gap" ? QUIET : commit.author,
      kind: "restore",
      operations: 1,
      detail: "a dump",
      changes: [],
      moved: 0,
      isKeyframe: true,
    };
    this.truths[this.truths.length - 1] = { number: this.number, record, nodes: this.#nodes };
    return record;
  }

  #commit(author: Author): HistoryRecord {
    const random = this.#random, { number } = this, at = this.#at;
    const after = new Map(this.#nodes);
    const changes: Change[] = [];
    const paths = new Set<string>();
    const count = random.chance(0.3) ? 1 + random.below(4) : 1;
    while (paths.size < count) paths.add(random.pick(PATHS));
    for (const path of paths) {
      const old = after.get(path) ?? null;
      const now = random.chance(0.2) ? null : this.#node();
      if (now === null) after.delete(path);
      else after.set(path, now);
      changes.push({ path, old, new: now, count: 1, first: number, firstAt: at });
    }
    this.#nodes = after;
    const kind = count > 1 ? "transaction" : "write";
    const fixed = { detail: "", moved: 0, isKeyframe: false, operations: count };
    return { type: "commit", number, at, author, kind, changes, ...fixed };
  }

  #node(): NodeState {
    const random = this.#random;
    const perms = random.chance(0.2) ? [0, 0x10005] : [0];
    if (random.chance(0.1)) return { value: { redacted: random.below(9) }, perms };
    return { value: toBytes(`${random.below(5)}`), perms };
  }

  #abort(author: Author): HistoryRecord {
    const random = this.#random, { number } = this, at = this.#at;
    return {
      type: "abort",
      number,
      at,
      author,
      operations: 1 + random.below(5),
      path: random.pick(PATHS),
      facet: random.pick(FACETS),
      seen: "yes",
      there: "no",
      by: "domain 5",
      count: 1,
      first: number,
      firstAt: at,
    };
  }
}
