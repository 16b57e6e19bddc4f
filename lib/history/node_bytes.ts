import { type ByteReader, DamagedError } from "../codec/journal/byte_reader.ts";
import type { ByteWriter } from "../codec/journal/byte_writer.ts";
import { equalPerms, type Perms } from "../store/perms.ts";
import { copyBytes, sharedLength } from "../wire/text.ts";
import type { NodeState } from "./record.ts";
import { putVarint, readVarint } from "./varint.ts";

const VALUE_MASK = 3;
const ABSENT = 0;
const BYTES = 1;
const REDACTED = 2;
/** Its length, as of one that is redacted. */
const LEFT_OUT = 3;
/** The permissions are those of the state before. */
const SAME_PERMS = 4;

const NO_PERMS: Perms = [];

/** What {@link NodesReader} reads: paths and states of nodes, each as what differs from the one before. */
export class NodesWriter {
  #path = "";
  #perms: Perms = NO_PERMS;

  constructor(private readonly to: ByteWriter) {}

  /** What follows stands by itself. */
  restart(): void {
    this.#path = "";
    this.#perms = NO_PERMS;
  }

  path(path: string): void {
    const shared = sharedLength(this.#path, path);
    putVarint(this.to, shared);
    this.to.textFrom(path, shared);
    this.#path = path;
  }

  state(node: NodeState | null): void {
    const { to } = this;
    if (node === null) return to.u8(ABSENT);
    const { perms, value } = node, isSame = equalPerms(perms, this.#perms);
    to.u8(kindOf(value) | (isSame ? SAME_PERMS : 0));
    if (!(value instanceof Uint8Array)) putVarint(to, value.redacted);
    else {
      putVarint(to, value.length);
      to.raw(value);
    }
    if (isSame) return;
    putVarint(to, perms.length);
    for (const entry of perms) putVarint(to, entry);
    this.#perms = perms;
  }
}

function kindOf(value: NodeState["value"]): number {
  if (value instanceof Uint8Array) return BYTES;
  return value.isLeftOut === true ? LEFT_OUT : REDACTED;
}

/** How far a {@link NodesReader} has come, with what the next node is told by. */
export interface NodesPlace {
  readonly at: number;
  readonly path: string;
  readonly perms: Perms;
}

/** Reads what a {@link NodesWriter} wrote; each throws {@link DamagedError} when it is something else. */
export class NodesReader {
  #path = "";
  #perms: Perms = [];

  constructor(private readonly from: ByteReader) {}

  path(): string {
    const shared = readVarint(this.from);
    if (shared > this.#path.length) throw new DamagedError("a path continues none");
    const path = this.#path.slice(0, shared) + this.from.text();
    // Special paths have permissions.
    if (path[0] !== "/" && path[0] !== "@") throw new DamagedError("a path begins with no slash");
    return this.#path = path;
  }

  state(): NodeState | null {
    const flags = this.#flags(), kind = flags & VALUE_MASK;
    if (kind === ABSENT) return null;
    const length = readVarint(this.from);
    const value = kind === BYTES
      ? this.#bytes(length)
      : kind === REDACTED
      ? { redacted: length }
      : { redacted: length, isLeftOut: true as const };
    if ((flags & SAME_PERMS) === 0) this.#perms = this.#readPerms();
    return { value, perms: this.#perms };
  }

  /** Reads a state that nobody wants: nothing is made of its value. */
  skipState(): void {
    const flags = this.#flags(), kind = flags & VALUE_MASK;
    if (kind === ABSENT) return;
    const length = readVarint(this.from);
    if (kind === BYTES) this.from.skip(length);
    if ((flags & SAME_PERMS) === 0) this.#perms = this.#readPerms();
  }

  /** Where it is, for {@link goBack}. */
  get place(): NodesPlace {
    return { at: this.from.at, path: this.#path, perms: this.#perms };
  }

  goBack({ at, path, perms }: NodesPlace): void {
    this.from.goBack(at);
    this.#path = path;
    this.#perms = perms;
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
