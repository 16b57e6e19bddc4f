/** Commits of several changes, kept as bytes: they take a tenth of the memory of objects, and are encoded only once. */
import { ByteReader } from "../codec/journal/byte_reader.ts";
import { ByteWriter } from "../codec/journal/byte_writer.ts";
import { HISTORY_PART_BYTES } from "../limits.ts";
import { ROOT_PATH } from "../store/path.ts";
import type { Trail } from "../store/trail.ts";
import { NodesReader, NodesWriter, pathRoom, TextsOut } from "./node_bytes.ts";
import type { Author, Change, Commit, Kind, NodeState } from "./record.ts";
import { CHANGE_BYTES, pathWeight, valueBytes } from "./sizes.ts";
import { putVarint, readVarint, varintAt } from "./varint.ts";

/** Some changes, each of which happened once, encoded as those of a record: they depend on nothing before them. */
export interface CodedChanges {
  readonly bytes: Uint8Array;
  readonly count: number;
  /** What they count for in a block, in bytes: see sizes.ts. */
  readonly weight: number;
  /** All their paths are at or below this one. */
  readonly top: string;
}

/** Encodes changes, in parts of bounded size. */
export class ChangesCoder {
  readonly #to = new ByteWriter(2 * HISTORY_PART_BYTES);
  readonly #nodes = new NodesWriter(this.#to, new TextsOut());
  readonly #parts: CodedChanges[] = [];
  #count = 0;
  #weight = 0;
  #topDepth = 0;
  /** The path of the part's first change; the root's for a special's. */
  #first = "";

  /** Adds the change of the path at which a trail is; returns its weight. All changes have the same trail. */
  add(trail: Trail, old: NodeState | null, now: NodeState | null): number {
    if (this.#weight > HISTORY_PART_BYTES) this.#endPart();
    const isFirst = this.#count++ === 0, to = this.#to;
    const { bytes, length } = trail, shared = isFirst ? 0 : trail.shared;
    const depth = isFirst ? trail.depth : trail.sharedDepth;
    if (isFirst || depth < this.#topDepth) this.#topDepth = depth;
    if (isFirst) this.#first = trail.isSpecial ? ROOT_PATH : trail.text;
    const room = to.room(pathRoom(trail));
    let at = varintAt(room, to.length, shared);
    room[at++] = length - shared & 0xff;
    room[at++] = length - shared >>> 8;
    for (let i = shared; i < length; i++) room[at++] = bytes[i]!;
    to.wrote(at);
    this.#nodes.state(old);
    this.#nodes.state(now);
    putVarint(to, 1);
    const weight = CHANGE_BYTES + pathWeight(length, shared) + valueBytes(old) + valueBytes(now);
    this.#weight += weight;
    return weight;
  }

  /** All parts so far; the next change begins new ones. */
  take(): CodedChanges[] {
    if (this.#count > 0) this.#endPart();
    return this.#parts.splice(0);
  }

  #endPart(): void {
    // The trail may have gone on, to the first path of the next part.
    const top = firstNames(this.#first, this.#topDepth);
    const bytes = this.#to.written.slice();
    this.#parts.push({ bytes, count: this.#count, weight: this.#weight, top });
    this.#to.clear();
    this.#nodes.restart();
    this.#count = this.#weight = 0;
  }
}

/** The path of the first `count` names of a path. */
function firstNames(path: string, count: number): string {
  let to = 0;
  for (let i = 0; i < count && to >= 0; i++) to = path.indexOf("/", to + 1);
  return count === 0 ? ROOT_PATH : to < 0 ? path : path.slice(0, to);
}

/** A commit without its changes. */
export type CommitHead = Pick<
  Commit,
  "number" | "at" | "author" | "kind" | "operations" | "detail"
>;

/** A commit, or a part of one, whose changes are decoded when they are asked for. */
export class CodedCommit implements Commit {
  readonly type = "commit";
  readonly number: number;
  readonly at: number;
  readonly author: Author;
  readonly kind: Kind;
  readonly operations: number;
  readonly detail: string;
  readonly moved = 0;
  readonly isKeyframe = false;
  declare readonly changes: readonly Change[];
  readonly #coded: CodedChanges;
  #changes: Change[] | null = null;

  constructor({ at, author, detail, kind, number, operations }: CommitHead, coded: CodedChanges) {
    this.number = number;
    this.at = at;
    this.author = author;
    this.kind = kind;
    this.operations = operations;
    this.detail = detail;
    this.#coded = coded;
    // An own property, so that a copy by `...` has the changes, not their bytes.
    const get = (): Change[] => this.#changes ??= this.#decode();
    Object.defineProperty(this, "changes", { enumerable: true, get });
  }

  get coded(): CodedChanges {
    return this.#coded;
  }

  #decode(): Change[] {
    const { at: firstAt, number: first } = this, { bytes, count } = this.#coded;
    const from = new ByteReader(bytes), nodes = new NodesReader(from), changes: Change[] = [];
    while (changes.length < count) {
      const path = nodes.path(), old = nodes.state(), now = nodes.state();
      changes.push({ path, old, new: now, count: readVarint(from), first, firstAt });
    }
    return changes;
  }
}
