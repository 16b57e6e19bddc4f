import { SHORT_VALUE_BYTES, SHORT_VALUES_CACHED } from "../../limits.ts";
import { FNV_PRIME, FNV_START, mixedHash, NO_VALUE } from "../../store/node.ts";
import {
  GENERATION_ONLY,
  type LoadedNode,
  type LoadedPart,
  PERMS_ONLY,
  WHOLE,
} from "../../store/tree_loader.ts";
import { canonicalPath } from "../../store/path.ts";
import type { Perms } from "../../store/perms.ts";
import { copyBytes, toText } from "../../wire/text.ts";
import { type ByteReader, DamagedError } from "./byte_reader.ts";
import { NODE_PERMS, NODE_WHOLE } from "./node_writer.ts";
import { readPerms } from "./perms_bytes.ts";

/** A node as it is persisted; also a special. */
export interface NodeState extends LoadedNode {
  readonly path: string;
}

/** @throws {DamagedError} when it is no canonical path. */
export function checkedPath(path: string): string {
  if (canonicalPath(path, "", true) !== path) throw new DamagedError(`invalid path '${path}'`);
  return path;
}

/**
 * A node as it is read: one object for all of them, of which value and permissions can be kept. Its
 * path is made and checked when it is asked for, and else left to who takes the bytes.
 */
export class NodeRecord implements NodeState {
  /** What of the node was told; the rest is that of another one. */
  part: LoadedPart = WHOLE;
  /** Where paths are put together, each from the one before. */
  #path: Uint8Array = new Uint8Array(PATH_BYTES_FIRST);
  #pathLength = 0;
  /** How many bytes of the path are those of the one before; negative when it does not say. */
  shared = -1;

  bytes: Uint8Array = NO_VALUE;
  pathStart = 0;
  pathEnd = 0;
  value = NO_VALUE;
  perms: Perms = [];
  generation = 0;
  ordinal = 0;

  /** @throws {DamagedError} when it is none. */
  get path(): string {
    return checkedPath(toText(this.bytes, this.pathStart, this.pathEnd));
  }

  /**
   * Reads the next node, of a kind that tells all of the path.
   *
   * @throws {DamagedError} when the bytes are none.
   */
  read(from: ByteReader): this {
    const length = from.u16();
    this.bytes = from.all;
    this.shared = -1;
    this.pathStart = from.skip(length);
    this.pathEnd = this.pathStart + length;
    this.generation = from.count();
    return this.#readWhole(from);
  }

  /** As {@link read}, of a kind of node_writer.ts. */
  readShared(from: ByteReader, kind: number): this {
    this.#readPath(from);
    this.generation = from.count();
    if (kind === NODE_WHOLE) return this.#readWhole(from);
    this.part = kind === NODE_PERMS ? PERMS_ONLY : GENERATION_ONLY;
    if (kind === NODE_PERMS) this.#readPerms(from);
    return this;
  }

  #readPath(from: ByteReader): void {
    const shared = from.u16();
    const rest = from.u16();
    const at = from.skip(rest);
    if (shared > this.#pathLength) {
      throw new DamagedError(`no path of ${this.#pathLength} bytes has ${shared} to share`);
    }
    const length = shared + rest;
    let path = this.#path;
    if (path.length < length) {
      path = new Uint8Array(2 * length);
      path.set(this.#path.subarray(0, shared));
      this.#path = path;
    }
    const { all } = from;
    for (let i = 0; i < rest; i++) path[shared + i] = all[at + i]!;
    this.shared = shared;
    this.#pathLength = length;
    this.bytes = path;
    this.pathStart = 0;
    this.pathEnd = length;
  }

  #readPerms(from: ByteReader): void {
    this.perms = readPerms(from);
    if (this.perms.length === 0) throw new DamagedError(`${this.path} has no permissions`);
  }

  #readWhole(from: ByteReader): this {
    this.part = WHOLE;
    this.ordinal = from.count();
    this.#readPerms(from);
    this.value = readValue(from);
    return this;
  }

  /** One that can be kept. */
  copy(): NodeState {
    const { generation, ordinal, path, perms, value } = this;
    return { generation, ordinal, path, perms, value };
  }
}

/** Room for most paths. */
const PATH_BYTES_FIRST = 256;
const values: Uint8Array[] = new Array(SHORT_VALUES_CACHED).fill(NO_VALUE);

/** Nodes with the same short value share it: nobody ever writes into one. */
function readValue(from: ByteReader): Uint8Array {
  const { all } = from;
  const length = from.u32();
  const start = from.skip(length);
  if (length === 0) return NO_VALUE;
  if (length > SHORT_VALUE_BYTES) return copyBytes(all, start, start + length);
  let hash = FNV_START;
  for (let i = start; i < start + length; i++) hash = Math.imul(hash ^ all[i]!, FNV_PRIME);
  const at = mixedHash(hash) & SHORT_VALUES_CACHED - 1;
  const cached = values[at]!;
  return isSame(cached, all, start, length)
    ? cached
    : values[at] = copyBytes(all, start, start + length);
}

function isSame(value: Uint8Array, bytes: Uint8Array, from: number, length: number): boolean {
  if (value.length !== length) return false;
  for (let i = 0; i < length; i++) if (value[i] !== bytes[from + i]) return false;
  return true;
}
