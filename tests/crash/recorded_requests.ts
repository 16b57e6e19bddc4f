/** Requests of clients that run at the same time, and what the history of their daemon has of them. */
import { assert, assertEquals } from "@std/assert";
import { XenstoreError } from "../../lib/client/error.ts";
import type { Operations } from "../../lib/client/operations.ts";
import type { Commit, HistoryRecord } from "../../lib/history/record.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import type { Tree } from "../support/history_checks.ts";
import { type Change, changed } from "./store_model.ts";

/** A request or a transaction, and how it was answered. */
export interface Asked {
  /** No other has it: that of a request which writes, or of a transaction's mark, is in the value; any other is its kind and path. */
  readonly id: string;
  readonly pid: number;
  readonly changes: readonly Change[];
  /** What a transaction looks at first; null for a request by itself. */
  readonly reads: string | null;
  /** By the order of all that was sent and answered: when what decides was sent, and when it was answered. */
  sent: number;
  ended: number;
  answer: "done" | "aborted" | null;
}

/** Where each transaction leaves a value of its own. */
export const MARKS = "/mark";

/** What was asked for, and what became of it by the records: each once, and nothing else. */
export class Requests {
  readonly trees = new Map<number, Tree>();
  readonly records = new Map<number, HistoryRecord>();
  /** How many starts were recorded. */
  starts = 0;
  last = 0;
  #tree: Tree;
  #clock = 0;
  #open = new Map<string, Asked>();

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  get tree(): Tree {
    return this.#tree;
  }

  /** Asks, and waits for the answer; false when the daemon has died. */
  async ask(asked: Asked, nodes: Operations): Promise<boolean> {
    this.#open.set(asked.id, asked);
    try {
      if (asked.reads === null) {
        asked.sent = ++this.#clock;
        await perform(nodes, asked.changes[0]!);
      } else await this.#transact(asked, asked.reads, nodes);
      asked.answer = "done";
    } catch (error) {
      if (isLost(error)) return false;
      if (!(error instanceof XenstoreError && error.code === "EAGAIN")) throw error;
      asked.answer = "aborted";
    }
    asked.ended = ++this.#clock;
    return true;
  }

  async #transact(asked: Asked, reads: string, nodes: Operations): Promise<void> {
    const inside = await nodes.begin();
    await inside.read(reads).catch(ignoreMissing);
    for (const change of asked.changes) await perform(inside, change).catch(ignoreMissing);
    asked.sent = ++this.#clock;
    await inside.end(true);
  }

  /**
   * Takes the records behind those that are known. Nothing is asked meanwhile; what has no answer never gets one. Where something may be
   * `folded`, that is aborts only.
   */
  learn(records: readonly HistoryRecord[], folded: boolean): void {
    const found: Asked[] = [], aborts = new Map<number, number>();
    let missing = 0;
    for (const record of records) {
      if (record.number <= this.last) continue;
      while (this.last + 1 < record.number) {
        this.trees.set(++this.last, this.#tree);
        missing++;
      }
      this.last = record.number;
      assert(record.type !== "gap", `a gap at #${record.number}`);
      if (record.type === "abort") count(aborts, pidOf(record));
      else if (record.kind === "start") this.starts++;
      else found.push(this.#learn(record));
      this.records.set(record.number, record);
      this.trees.set(record.number, this.#tree);
    }
    checkOrder(found);
    assert(folded || missing === 0, `${missing} numbers are missing`);
    this.#checkRest(aborts, missing);
  }

  #learn(record: Commit): Asked {
    const id = idOf(record), asked = this.#open.get(id);
    assert(asked !== undefined, `#${record.number} (${id}) was not asked for, or is there twice`);
    assert(asked.answer !== "aborted", `#${record.number} (${id}) was aborted`);
    assertEquals(pidOf(record), asked.pid, `author of #${record.number}`);
    this.#open.delete(id);
    this.#tree = changed(this.#tree, asked.changes);
    return asked;
  }

  /** What is not in the log was aborted, or was not answered. */
  #checkRest(aborts: Map<number, number>, folded: number): void {
    const aborted = new Map<number, number>(), silent = new Map<number, number>();
    for (const { answer, id, pid } of this.#open.values()) {
      assert(answer !== "done", `${id} was acknowledged, and is not in the history`);
      count(answer === null ? silent : aborted, pid);
    }
    this.#open.clear();
    const rest = [...new Set([...aborted.keys(), ...aborts.keys()])].map((pid) => {
      const told = aborted.get(pid) ?? 0, recorded = aborts.get(pid) ?? 0;
      const most = told + (silent.get(pid) ?? 0);
      assert(recorded <= most, `${recorded} aborts of ${pid}, and it was told of ${told}`);
      return Math.max(0, told - recorded);
    });
    const unseen = rest.reduce((sum, count) => sum + count, 0);
    assert(unseen <= folded, `${unseen} aborts are missing, and ${folded} are folded`);
    const most = unseen + [...silent.values()].reduce((sum, count) => sum + count, 0);
    assert(folded <= most, `${folded} numbers are missing, and at most ${most} are of aborts`);
  }
}

function count(counts: Map<number, number>, pid: number): void {
  counts.set(pid, (counts.get(pid) ?? 0) + 1);
}

/** What was answered before another was sent is before it. */
function checkOrder(found: readonly Asked[]): void {
  let sent = 0;
  for (const asked of found) {
    assert(asked.ended > sent, `${asked.id} stands behind what was sent after its answer`);
    sent = Math.max(sent, asked.sent);
  }
}

function perform(nodes: Operations, change: Change): Promise<void> {
  const { path } = change;
  switch (change.do) {
    case "write":
      return nodes.write(path, toBytes(change.value));
    case "mkdir":
      return nodes.mkdir(path);
    case "rm":
      return nodes.rm(path);
    case "set-perms":
      return nodes.setPerms(path, change.perms);
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof XenstoreError && error.code === "ENOENT")) throw error;
}

function isLost(error: unknown): boolean {
  return error instanceof XenstoreError && ["ECONNRESET", "EIO", "EPROTO"].includes(error.code);
}

function pidOf({ author }: Exclude<HistoryRecord, { type: "gap" }>): number {
  assert(author.kind === "process" && author.pid !== null, `the author is ${author.kind}`);
  return author.pid;
}

/** The {@link Asked.id} of what made a commit. */
function idOf({ changes, kind, number }: Commit): string {
  if (kind === "write" || kind === "transaction") {
    for (const { new: now, path } of changes) {
      if (kind === "transaction" && !path.startsWith(`${MARKS}/`)) continue;
      const [, id] = now?.value instanceof Uint8Array
        ? /^([^:]+):/.exec(toText(now.value)) ?? []
        : [];
      if (id !== undefined) return id;
    }
  }
  assert(changes.length > 0, `#${number} has no changes`);
  // What is above a node that was made stands before it, what was below one that was removed behind it.
  const { path } = kind === "rm" ? changes[0]! : changes.at(-1)!;
  return `${kind} ${path}`;
}
