import { type ByteReader, DamagedError } from "../codec/journal/byte_reader.ts";
import type { ByteWriter } from "../codec/journal/byte_writer.ts";
import { NO_VALUE } from "../store/node.ts";
import { equalPerms, type Perms } from "../store/perms.ts";
import { copyBytes, putBytes, sharedLength } from "../wire/text.ts";
import type { NodeState } from "./record.ts";
import { readVarint, VARINT_ROOM, varintAt } from "./varint.ts";

const VALUE_MASK = 3;
const ABSENT = 0;
const BYTES = 1;
const REDACTED = 2;
/** Only the length follows, as for a redacted value. */
const LEFT_OUT = 3;
/** The permissions are those of the previous state, and do not follow. */
const SAME_PERMS = 4;

const NO_PERMS: Perms = [];

/** How paths are written, each as its difference from the previous one. */
export interface PathsOut<P> {
  /** Makes the next path independent of those before. */
  restart(): void;
  /** Bytes that a path takes at most. */
  room(path: P): number;
  /** Writes a path into `bytes`, which must have room; returns the end. */
  pathAt(bytes: Uint8Array, at: number, path: P): number;
}

/** Paths as texts. */
export class TextsOut implements PathsOut<string> {
  #path = "";

  restart(): void {
    this.#path = "";
  }

  room(path: string): number {
    return pathRoom(path);
  }

  pathAt(bytes: Uint8Array, at: number, path: string): number {
    const shared = sharedLength(this.#path, path), { length } = path;
    this.#path = path;
    at = varintAt(bytes, at, shared);
    bytes[at++] = length - shared & 0xff;
    bytes[at++] = length - shared >>> 8;
    for (let i = shared; i < length; i++) bytes[at++] = path.charCodeAt(i);
    return at;
  }
}

/** Writes paths and states of nodes for {@link NodesReader}, each as its difference from the previous one. */
export class NodesWriter<P = string> {
  #perms: Perms = NO_PERMS;

  constructor(private readonly to: ByteWriter, private readonly paths: PathsOut<P>) {}

  /** Makes the next path and state independent of those before. */
  restart(): void {
    this.paths.restart();
    this.#perms = NO_PERMS;
  }

  path(path: P): void {
    const { to } = this;
    to.wrote(this.pathAt(to.room(this.paths.room(path)), to.length, path));
  }

  state(node: NodeState | null): void {
    const { to } = this;
    to.wrote(this.stateAt(to.room(stateRoom(node)), to.length, node));
  }

  /** As {@link path}, into `bytes`, which must have room; returns the end. */
  pathAt(bytes: Uint8Array, at: number, path: P): number {
    return this.paths.pathAt(bytes, at, path);
  }

  /** As {@link state}, into `bytes`, which must have room ({@link stateRoom}); returns the end. */
  stateAt(bytes: Uint8Array, at: number, node: NodeState | null): number {
    if (node === null) {
      bytes[at] = ABSENT;
      return at + 1;
    }
    const { perms, value } = node, isSame = equalPerms(perms, this.#perms);
    bytes[at++] = kindOf(value) | (isSame ? SAME_PERMS : 0);
    at = value instanceof Uint8Array
      ? putBytes(bytes, varintAt(bytes, at, value.length), value)
      : varintAt(bytes, at, value.redacted);
    if (isSame) return at;
    this.#perms = perms;
    at = varintAt(bytes, at, perms.length);
    for (let i = 0; i < perms.length; i++) at = varintAt(bytes, at, perms[i]!);
    return at;
  }
}

/** Bytes that a path takes at most. */
export function pathRoom({ length }: Pick<string, "length">): number {
  return VARINT_ROOM + 2 + length;
}

/** Bytes that a state takes at most. */
export function stateRoom(node: NodeState | null): number {
  if (node === null) return 1;
  const { perms, value } = node;
  const bytes = value instanceof Uint8Array ? value.length : 0;
  return 1 + bytes + VARINT_ROOM * (2 + perms.length);
}

function kindOf(value: NodeState["value"]): number {
  if (value instanceof Uint8Array) return BYTES;
  return value.isLeftOut === true ? LEFT_OUT : REDACTED;
}

/** A place of a {@link NodesReader}, with the path and permissions that the next node builds on. */
export interface NodesPlace {
  readonly at: number;
  readonly path: string;
  readonly perms: Perms;
}

/** Takes a path: the first `shared` characters of the last one, and those in `bytes` between two offsets. */
export type PathVisitor = (shared: number, bytes: Uint8Array, from: number, to: number) => void;

/** How paths are read. A reader uses one for all paths. */
export interface PathsIn<P> {
  /** Reads the next path. */
  next(nodes: NodesReader): P;
  text(path: P): string;
}

/** Paths as texts. */
export const TEXTS_IN: PathsIn<string> = { next: (nodes) => nodes.path(), text: (path) => path };

const SLASH = 0x2f;
const AT = 0x40;

/** Special paths (@releaseDomain) are recorded, too: their permissions change. */
function checkBegin(first: number): void {
  if (first !== SLASH && first !== AT) throw new DamagedError("a path begins with no slash");
}

/** Reads the bytes of a {@link NodesWriter}; each method throws {@link DamagedError} for other bytes. */
export class NodesReader {
  #path = "";
  /** The length of the last path that was visited. */
  #length = 0;
  #perms: Perms = [];
  /** A node without a value, and with the present permissions: there are many in a row. */
  #empty: NodeState | null = null;

  constructor(private readonly from: ByteReader) {}

  path(): string {
    const shared = readVarint(this.from);
    if (shared > this.#path.length) throw new DamagedError("a path continues none");
    const rest = this.from.text();
    // Reading a character of the joined path would copy it: the paths of a chain of a thousand nodes are a megabyte.
    if (shared === 0) checkBegin(rest.charCodeAt(0));
    return this.#path = this.#path.slice(0, shared) + rest;
  }

  /** Visits the next path without making a text of it. A reader uses this for all paths, or for none. */
  visitPath(visit: PathVisitor): void {
    const { from } = this, shared = readVarint(from), length = from.u16();
    if (shared > this.#length) throw new DamagedError("a path continues none");
    const at = from.skip(length);
    if (shared === 0) checkBegin(length === 0 ? NaN : from.all[at]!);
    this.#length = shared + length;
    visit(shared, from.all, at, at + length);
  }

  state(): NodeState | null {
    const flags = this.#flags(), kind = flags & VALUE_MASK;
    if (kind === ABSENT) return null;
    const length = readVarint(this.from);
    if (kind === BYTES && length === 0) return this.#emptyState(flags);
    const value = kind === BYTES
      ? this.#bytes(length)
      : kind === REDACTED
      ? { redacted: length }
      : { redacted: length, isLeftOut: true as const };
    this.#takePerms(flags);
    return { value, perms: this.#perms };
  }

  #emptyState(flags: number): NodeState {
    this.#takePerms(flags);
    return this.#empty ??= { value: NO_VALUE, perms: this.#perms };
  }

  #takePerms(flags: number): void {
    if ((flags & SAME_PERMS) !== 0) return;
    this.#perms = this.#readPerms();
    this.#empty = null;
  }

  /** Skips a state without a copy of its value. */
  skipState(): void {
    const flags = this.#flags(), kind = flags & VALUE_MASK;
    if (kind === ABSENT) return;
    const length = readVarint(this.from);
    if (kind === BYTES) this.from.skip(length);
    this.#takePerms(flags);
  }

  /** The place of the next read, for {@link goBack}. */
  get place(): NodesPlace {
    return { at: this.from.at, path: this.#path, perms: this.#perms };
  }

  goBack({ at, path, perms }: NodesPlace): void {
    this.from.goBack(at);
    this.#path = path;
    this.#perms = perms;
    this.#empty = null;
  }

  #flags(): number {
    const flags = this.from.u8();
    if (flags <= (VALUE_MASK | SAME_PERMS)) return flags;
    throw new DamagedError("a node is of no kind");
  }

  #bytes(length: number): Uint8Array {
    const at = this.from.skip(length);
    return copyBytes(this.from.all, at, at + length);
  }

  #readPerms(): Perms {
    const count = readVarint(this.from);
    const perms: number[] = [];
    for (let i = 0; i < count; i++) perms.push(readVarint(this.from));
    return perms;
  }
}
