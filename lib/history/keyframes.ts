/** Keyframes: the whole store at one moment, in rows of some hundred nodes. */
import type { DatabaseSync } from "node:sqlite";
import { DamagedError } from "../codec/journal/byte_reader.ts";
import { checksum } from "../journal/checksum.ts";
import {
  HISTORY_KEYFRAME_RETRY_MICROSECONDS,
  HISTORY_PIECE_BYTES,
  HISTORY_PIECE_NODES,
} from "../limits.ts";
import { ROOT_PATH } from "../store/path.ts";
import { toText } from "../wire/text.ts";
import { statement } from "./database.ts";
import { decodeNodes, decodeNumberedNodes, encodeNodes, type Entry } from "./keyframe_bytes.ts";
import { TextsOut } from "./node_bytes.ts";
import type { Packer } from "./packing.ts";
import type { PathTable } from "./path_table.ts";
import type { NodeState } from "./record.ts";
import { Scope } from "./scope.ts";
import { valueBytes } from "./sizes.ts";
import { inWalkOrder, pathOfKey, walkKey } from "./walk_order.ts";

/** What is known of a keyframe without reading it. */
export interface KeyframeHead {
  readonly keyframe: number;
  readonly era: number;
  readonly number: number;
  readonly at: number;
  /** Nothing before it says what came then. */
  readonly isNeeded: boolean;
  /** All its nodes are there. */
  readonly isWhole: boolean;
}

const NO_KEY = new Uint8Array(0);

type Row = Record<string, unknown>;

/** The rows of keyframes. */
export class Keyframes {
  readonly #database: DatabaseSync;
  packer: Packer;
  /** Bytes of nodes so far. */
  written = 0;
  /** Bytes that they may have in the file; one that needs more is not written. */
  bytesMax = Infinity;
  /** When the last one was given up because it did not fit; null when it did. */
  #tooLargeAt: number | null = null;
  /** Null when it is to be counted again. */
  #bytes: number | null = null;
  #heads: KeyframeHead[] = [];
  readonly #texts = new TextsOut();

  constructor(database: DatabaseSync, packer: Packer) {
    this.#database = database;
    this.packer = packer;
    // A daemon died over these: that there must be a keyframe stays known.
    database.exec(
      "DELETE FROM pieces WHERE keyframe IN (SELECT keyframe FROM keyframes WHERE is_whole = 0); " +
        "DELETE FROM keyframes WHERE is_whole = 0 AND is_needed = 0",
    );
    this.reload();
  }

  /** All, the oldest first. */
  get heads(): readonly KeyframeHead[] {
    return this.#heads;
  }

  /** Bytes of their nodes in the file. */
  get bytes(): number {
    const count = "SELECT total(length(nodes)) AS bytes FROM pieces";
    return this.#bytes ??= Number(statement(this.#database, count).get()!["bytes"]);
  }

  /** Whether the store is too large for a keyframe. */
  get isTooLarge(): boolean {
    return this.#tooLargeAt !== null;
  }

  /** Whether one that must be written may fit, at a time: what did not may be smaller after a while. */
  mayFit(at: number): boolean {
    const since = this.#tooLargeAt;
    return since === null || Math.abs(at - since) > HISTORY_KEYFRAME_RETRY_MICROSECONDS;
  }

  /** Whether one more, as large as the others are, would fit beside them. */
  get hasRoom(): boolean {
    const count = this.#heads.filter(({ isWhole }) => isWhole).length;
    return this.bytes * (count + 1) <= this.bytesMax * Math.max(count, 1);
  }

  /** Forgets the nodes of the oldest one when they have more than they may: false when they have not. */
  shed(at: number): boolean {
    if (this.bytes <= this.bytesMax) return false;
    const head = this.#heads.find(({ isWhole }) => isWhole);
    if (head === undefined) return false;
    const { era, number } = head;
    if (this.#heads.at(-1) === head) this.#tooLargeAt = at;
    // What is not known from an earlier one on needs no other one to say so.
    const isUnknown = this.before(era, number - 1)?.isWhole === false;
    if (isUnknown && !head.isNeeded) this.remove(head);
    else this.lose(head, number, head.at);
    return true;
  }

  reload(): void {
    this.#bytes = null;
    this.#heads = this.#database.prepare(
      "SELECT keyframe, era, number, at, is_needed, is_whole FROM keyframes " +
        "ORDER BY era, number, keyframe",
    ).all().map((row) => ({
      keyframe: Number(row["keyframe"]),
      era: Number(row["era"]),
      number: Number(row["number"]),
      at: Number(row["at"]),
      isNeeded: row["is_needed"] === 1,
      isWhole: row["is_whole"] === 1,
    }));
  }

  /** The one that says what the store was up to `number`; without its nodes, that is not known. */
  before(era: number, number: number): KeyframeHead | null {
    return this.#heads.findLast((head) =>
      head.era === era && head.number <= number && (head.isWhole || head.isNeeded)
    ) ?? null;
  }

  /** Notes that the store after `number` stands here, or has to; returns the keyframe, which may be there already. */
  declare(era: number, number: number, at: number, isNeeded: boolean): KeyframeHead {
    const known = this.#heads.find((head) => head.era === era && head.number === number);
    if (known !== undefined) return known;
    this.#database.prepare(
      "INSERT INTO keyframes (era, number, at, is_needed, is_whole) VALUES (?, ?, ?, ?, 0)",
    ).run(era, number, at, isNeeded ? 1 : 0);
    this.reload();
    return this.declare(era, number, at, isNeeded);
  }

  /**
   * Writes the nodes, in the order of their paths, one row a step; the keyframe is whole after the last. One that is larger than
   * {@link bytesMax} is given up.
   */
  *write(head: KeyframeHead, nodes: Iterable<Entry>): Generator<void, void, void> {
    const { keyframe } = head;
    // What an attempt that failed has left.
    this.#database.prepare("DELETE FROM pieces WHERE keyframe = ?").run(keyframe);
    let some: Entry[] = [], size = 0, bytes = 0;
    for (const entry of nodes) {
      size += bytesOf(entry);
      if (some.push(entry) < HISTORY_PIECE_NODES && size < HISTORY_PIECE_BYTES) continue;
      bytes += this.#putPiece(keyframe, some);
      if (bytes > this.bytesMax) return this.#giveUpTooLarge(head);
      some = [];
      size = 0;
      yield;
    }
    if (some.length > 0) bytes += this.#putPiece(keyframe, some);
    if (bytes > this.bytesMax) return this.#giveUpTooLarge(head);
    this.#tooLargeAt = null;
    this.#database.prepare("UPDATE keyframes SET is_whole = 1 WHERE keyframe = ?").run(keyframe);
    this.reload();
  }

  #giveUpTooLarge(head: KeyframeHead): void {
    this.#tooLargeAt = head.at;
    this.giveUp(head);
  }

  /** Returns how many bytes it has. */
  #putPiece(keyframe: number, entries: readonly Entry[]): number {
    return this.#put(keyframe, entries[0]![0], entries.length, encodeNodes(entries, this.#texts));
  }

  #put(keyframe: number, first: string, count: number, nodes: Uint8Array): number {
    const packed = this.packer.pack(nodes);
    this.written += packed.bytes.length;
    statement(this.#database, "INSERT OR REPLACE INTO pieces VALUES (?, ?, ?, ?, ?, ?, ?)").run(
      keyframe,
      walkKey(first),
      count,
      packed.packing,
      packed.size,
      checksum(packed.bytes, keyframe),
      packed.bytes,
    );
    this.#bytes = null;
    return packed.bytes.length;
  }

  /**
   * The nodes of a keyframe within a scope, in the order of a walk, row by row. It does not read rows outside of the scope. With
   * `isHeld` it reads the bytes of all rows at once, so that later changes of the keyframe do not matter.
   *
   * @throws {DamagedError} when they are not what was written.
   */
  read({ keyframe }: KeyframeHead, scope: Scope = Scope.ALL, isHeld = false): Generator<Entry[]> {
    const rows = this.#rows(keyframe, scope);
    return this.#decodeAll(keyframe, isHeld ? [...rows] : rows, scope);
  }

  *#decodeAll(keyframe: number, rows: Iterable<Row>, scope: Scope): Generator<Entry[]> {
    for (const row of rows) yield this.#decode(keyframe, row, scope);
  }

  *#rows(keyframe: number, scope: Scope): Generator<Row> {
    const tops = inWalkOrder(scope.tops.map((top) => [top, top]));
    for (const top of tops) yield* this.#rowsUnder(keyframe, top, scope);
  }

  *#rowsUnder(keyframe: number, top: string, scope: Scope): Generator<Row> {
    const isAll = top === ROOT_PATH && scope.levels !== 0, key = walkKey(top);
    // The first key behind all that is at and below it.
    const end = isAll ? null : `${toText(key)}${scope.levels === 0 ? "\x01" : "\x02"}`;
    let from = isAll ? NO_KEY : this.#pieceOf(keyframe, key);
    let row = this.#piece(keyframe, ">=", from);
    while (row !== undefined) {
      const found = row["from_key"];
      if (!(found instanceof Uint8Array) || (end !== null && toText(found) >= end)) return;
      from = found;
      yield row;
      // Prepared again each time, since a statement that is under way would hold up a write between two.
      row = this.#piece(keyframe, ">", from);
    }
  }

  /** Where the piece begins in which a key has its place. */
  #pieceOf(keyframe: number, key: Uint8Array): Uint8Array {
    const select = "SELECT max(from_key) AS found FROM pieces WHERE keyframe = ? AND from_key <= ?";
    const found = this.#database.prepare(select).get(keyframe, key)?.["found"];
    return found instanceof Uint8Array ? found : NO_KEY;
  }

  #piece(keyframe: number, compare: ">=" | ">", from: Uint8Array): Row | undefined {
    return this.#database.prepare(
      "SELECT from_key, packing, size, sum, nodes FROM pieces " +
        `WHERE keyframe = ? AND from_key ${compare} ? ORDER BY from_key LIMIT 1`,
    ).get(keyframe, from);
  }

  #decode(keyframe: number, row: Row, scope: Scope = Scope.ALL): Entry[] {
    return decodeNodes(this.#unpack(keyframe, row), scope);
  }

  #unpack(keyframe: number, row: Row): Uint8Array {
    const bytes = row["nodes"];
    if (!(bytes instanceof Uint8Array) || checksum(bytes, keyframe) !== row["sum"]) {
      throw new DamagedError("a keyframe is not what was written");
    }
    const packed = { packing: Number(row["packing"]), size: Number(row["size"]), bytes };
    return this.packer.unpack(packed);
  }

  /** Moves a keyframe to `number`, after its nodes were changed to their state then; the caller commits it. */
  move({ keyframe }: KeyframeHead, number: number, at: number): void {
    this.#database.prepare("UPDATE keyframes SET number = ?, at = ? WHERE keyframe = ?")
      .run(number, at, keyframe);
    this.reload();
  }

  /**
   * Changes the nodes of one piece: the one in which `paths[from]` has its place. It takes the next paths, which are in the order
   * of a walk, up to the end of the piece. All paths are numbers in `table`. Returns the position of the first path that is left;
   * the caller commits it.
   */
  changePiece(
    { keyframe }: KeyframeHead,
    changes: ReadonlyMap<number, NodeState | null>,
    paths: readonly number[],
    from: number,
    table: PathTable,
  ): number {
    const first = walkKey(table.text(paths[from]!));
    const select = "SELECT from_key, packing, size, sum, nodes FROM pieces WHERE keyframe = ? AND";
    const row = statement(this.#database, `${select} from_key <= ? ORDER BY from_key DESC LIMIT 1`)
      .get(keyframe, first) ??
      statement(this.#database, `${select} from_key > ? ORDER BY from_key LIMIT 1`)
        .get(keyframe, first);
    const start = row?.["from_key"] ?? null;
    const end = this.#nextStart(keyframe, start instanceof Uint8Array ? start : null, table);
    const nodes = row === undefined ? [] : decodeNumberedNodes(this.#unpack(keyframe, row), table);
    const changed: Entry<number>[] = [];
    const most = Math.min(paths.length, from + HISTORY_PIECE_NODES);
    let next = from, at = 0;
    for (let bytes = 0; next < most && bytes < HISTORY_PIECE_BYTES; next++) {
      const path = paths[next]!, node = changes.get(path) ?? null;
      if (end !== null && table.compareInWalk(path, end) >= 0) break;
      // Both are in the order of a walk.
      let order = 1;
      for (; at < nodes.length; at++) {
        order = table.compareInWalk(nodes[at]![0], path);
        if (order >= 0) break;
        changed.push(nodes[at]!);
      }
      if (at < nodes.length && order === 0) at++;
      if (node !== null) changed.push([path, node]);
      bytes += table.lengthOf(path) + valueBytes(node);
    }
    if (start !== null) {
      statement(this.#database, "DELETE FROM pieces WHERE keyframe = ? AND from_key = ?")
        .run(keyframe, start);
    }
    for (; at < nodes.length; at++) changed.push(nodes[at]!);
    for (const some of piecesOf(changed, table)) {
      this.#put(keyframe, table.text(some[0]![0]), some.length, encodeNodes(some, table));
    }
    return next;
  }

  /**
   * Changes the nodes of the next piece, each by itself, behind the one that begins at `from`; returns where it begins, null where
   * there is none. A keyframe that is damaged is lost; the caller commits it.
   */
  changeNext(
    head: KeyframeHead,
    from: Uint8Array,
    change: (path: string, node: NodeState) => NodeState,
  ): Uint8Array | null {
    const row = this.#database.prepare(
      "SELECT from_key, packing, size, sum, nodes FROM pieces WHERE keyframe = ? AND from_key > ? " +
        "ORDER BY from_key LIMIT 1",
    ).get(head.keyframe, from);
    const start = row?.["from_key"];
    if (row === undefined || !(start instanceof Uint8Array)) return null;
    try {
      const entries = this.#decode(head.keyframe, row);
      const changed = entries.map(([path, node]): Entry => [path, change(path, node)]);
      if (changed.some(([, node], i) => node !== entries[i]![1])) {
        this.#putPiece(head.keyframe, changed);
      }
      return start;
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error;
      this.lose(head, head.number, head.at);
      return null;
    }
  }

  /** The first path of the next piece; null at the end. */
  #nextStart(keyframe: number, start: Uint8Array | null, table: PathTable): number | null {
    if (start === null) return null;
    const select = "SELECT from_key FROM pieces WHERE keyframe = ? AND from_key > ? " +
      "ORDER BY from_key LIMIT 1";
    const row = statement(this.#database, select).get(keyframe, start);
    const next = row?.["from_key"];
    return next instanceof Uint8Array ? table.number(pathOfKey(next)) : null;
  }

  /** Forgets the nodes of a keyframe, since what led from it to `number` is lost. */
  lose({ keyframe }: KeyframeHead, number: number, at: number): void {
    this.#database.prepare("DELETE FROM pieces WHERE keyframe = ?").run(keyframe);
    this.#database.prepare(
      "UPDATE keyframes SET number = ?, at = ?, is_needed = 1, is_whole = 0 WHERE keyframe = ?",
    ).run(number, at, keyframe);
    this.reload();
  }

  /** Removes the nodes of a keyframe that cannot be written, and all of it unless it is needed. */
  giveUp(head: KeyframeHead): void {
    if (head.isNeeded) this.lose(head, head.number, head.at);
    else this.remove(head);
  }

  /** Removes a keyframe with its nodes. */
  remove({ keyframe }: KeyframeHead): void {
    this.#database.prepare("DELETE FROM pieces WHERE keyframe = ?").run(keyframe);
    this.#database.prepare("DELETE FROM keyframes WHERE keyframe = ?").run(keyframe);
    this.reload();
  }
}

/** Bytes of an entry in memory, about. */
function bytesOf([path, node]: Entry): number {
  return path.length + valueBytes(node);
}

/** Splits a piece that has grown to twice its size. */
function piecesOf(entries: readonly Entry<number>[], table: PathTable): Entry<number>[][] {
  const bytesOf = ([path, node]: Entry<number>): number => table.lengthOf(path) + valueBytes(node);
  let bytes = 0;
  for (const entry of entries) bytes += bytesOf(entry);
  const isLarge = entries.length > 2 * HISTORY_PIECE_NODES || bytes > 2 * HISTORY_PIECE_BYTES;
  if (!isLarge) return entries.length === 0 ? [] : [[...entries]];
  const pieces: Entry<number>[][] = [];
  let size = Infinity;
  for (const entry of entries) {
    if (size >= HISTORY_PIECE_BYTES || pieces.at(-1)!.length >= HISTORY_PIECE_NODES) {
      pieces.push([]);
      size = 0;
    }
    size += bytesOf(entry);
    pieces.at(-1)!.push(entry);
  }
  return pieces;
}
