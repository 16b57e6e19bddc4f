import { DatabaseSync } from "node:sqlite";
import { IN_MEMORY } from "../../lib/history/database.ts";
import { History } from "../../lib/history/history.ts";
import { foldRecords } from "../../lib/history/fold.ts";
import { log } from "../../lib/history/queries.ts";
import { inWalkOrder } from "../../lib/history/walk_order.ts";
import { loadPacker } from "../../lib/history/packing.ts";
import type { Author, Change, Commit, HistoryRecord, NodeState } from "../../lib/history/record.ts";
import { toBytes } from "../../lib/wire/text.ts";

export const packer = await loadPacker();

/** Runs a query to its end. */
export function finish<T>(steps: Iterator<unknown, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value as T;
  }
}

/** A history of an empty store, which has its first keyframe. */
export function beginHistory(path: string = IN_MEMORY, at = 0): History {
  const history = new History({ path, store: "a store", packer });
  history.beginKeyframe(at, []);
  while (history.stepKeyframe());
  return history;
}

/** All records of a history. */
export function listed(history: History): HistoryRecord[] {
  return [...log(history, {})].filter((one): one is HistoryRecord => one !== null && "type" in one);
}

/** A line for each node. */
export function lines(nodes: Iterable<readonly [string, NodeState]>): string[] {
  return [...nodes].map(([path, { perms, value }]) =>
    `${path} ${value instanceof Uint8Array ? value : `<${value.redacted}>`} ${perms}`
  ).sort();
}

/** Nodes in the order in which a keyframe takes them. */
export function walked(nodes: ReadonlyMap<string, NodeState>): [string, NodeState][] {
  return inWalkOrder([...nodes].map((entry) => [entry[0], entry]));
}

export function textNode(text: string): NodeState {
  return { value: toBytes(text), perms: [0] };
}

export function guest(domid: number): Author {
  return { kind: "domain", domid, uniqueId: BigInt(domid), name: `guest-${domid}` };
}

/** Makes commits that fit together. */
export class Writer {
  readonly nodes = new Map<string, NodeState>();
  number = 0;

  /** A commit of these paths, each with its new value; null removes it. */
  commit(
    at: number,
    author: Author,
    values: Readonly<Record<string, string | null>>,
    kind: Commit["kind"] = "write",
  ): Commit {
    const number = ++this.number;
    const changes = Object.entries(values).map(([path, text]): Change => {
      const old = this.nodes.get(path) ?? null;
      const node = text === null ? null : textNode(text);
      if (node === null) this.nodes.delete(path);
      else this.nodes.set(path, node);
      return { path, old, new: node, count: 1, first: number, firstAt: at };
    });
    const operations = changes.length, fixed = { detail: "", moved: 0, isKeyframe: false };
    return { type: "commit", number, at, author, kind, operations, changes, ...fixed };
  }
}

/** Changes a byte of a block's records, in a history that is closed. */
export function damageBlock(path: string, block: number): void {
  const database = new DatabaseSync(path);
  const row = database.prepare("SELECT records FROM blocks WHERE block = ?").get(block);
  const bytes = row!["records"] as Uint8Array<ArrayBuffer>;
  bytes[bytes.length >> 1]! ^= 1;
  database.prepare("UPDATE blocks SET records = ? WHERE block = ?").run(bytes, block);
  database.close();
}

/** Each author's changes of a path that follow each other as one, however they were recorded. */
export function folded(
  records: readonly HistoryRecord[],
  { keyframes }: History,
): readonly unknown[] {
  const numbers = keyframes.heads.map(({ number }) => number);
  return structuredClone(foldRecords(records, () => true, numbers).records);
}
