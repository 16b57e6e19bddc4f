import { LOADED_NAMES_CACHED } from "../limits.ts";
import { addChild, childrenOfHash, copyChildren, noChildren, replaceChild } from "./children.ts";
import type { Versions } from "./versions.ts";
import type { Ledger } from "./ledger.ts";
import {
  type Children,
  copyNode,
  FNV_PRIME,
  FNV_START,
  mixedHash,
  NO_VALUE,
  type Node,
  nodeSize,
  type Origin,
} from "./node.ts";
import { isNameByte } from "./path.ts";
import { ownerOf, type Perms } from "./perms.ts";
import { toText } from "../wire/text.ts";

const SLASH = 0x2f;
const NOBODYS: Perms = [];
/** How much a path has in common with the last one has to be found out. */
const UNKNOWN = -1;
/** Room for most paths. */
const PATH_BYTES_FIRST = 256;

/** What recovery knows of a node. */
export interface LoadedNode {
  readonly value: Uint8Array;
  readonly perms: Perms;
  readonly generation: number;
  readonly ordinal: number;
}

/** What of a node is loaded: all, or of one that is there its permissions, or nothing but the generation. */
export type LoadedPart = 0 | 1 | 2;
export const WHOLE: LoadedPart = 0;
export const PERMS_ONLY: LoadedPart = 1;
export const GENERATION_ONLY: LoadedPart = 2;

/** The draft that nodes are loaded into: its root, its own, and what belongs to it. */
export interface LoadedDraft {
  readonly root: Node;
  readonly epoch: number;
  readonly versions: Versions;
  readonly ledger: Ledger;
}

/**
 * Puts nodes where they once were, for recovery. Paths come as bytes and mostly in the order of a
 * walk, so that most share all but the last name with the one before: what they share is neither
 * checked nor looked up again, and no string is made but for the names of new nodes. To be
 * {@link end}ed before anything else is done with the draft; it can go on until the draft has given
 * a snapshot away.
 */
export class TreeLoader {
  readonly #into: LoadedDraft;
  readonly #origin: Origin;
  /** The root and the nodes below it on the last path, of the draft's own. */
  readonly #nodes: Node[];
  /** Where in that path their names end. */
  readonly #ends: number[] = [0];
  #depth = 0;
  readonly #names: string[] = new Array(LOADED_NAMES_CACHED).fill("");
  #bytes: Uint8Array = NO_VALUE;
  #from = 0;
  #to = 0;
  /** What is not charged yet: nodes and bytes of one owner, entries of one list. */
  #owner = -1;
  #ownerNodes = 0;
  #ownerBytes = 0;
  #perms: Perms = NOBODYS;
  #permsNodes = 0;
  /** Where {@link loadPath} puts paths: in turn, since each is compared with the one before. */
  #path: Uint8Array = new Uint8Array(PATH_BYTES_FIRST);
  #pathBefore: Uint8Array = new Uint8Array(PATH_BYTES_FIRST);
  /** How many nodes were not there before. */
  added = 0;

  constructor(into: LoadedDraft, origin: Origin) {
    this.#into = into;
    this.#origin = origin;
    this.#nodes = [into.root];
  }

  /**
   * Puts a node at the path that stands in `bytes` from `from` to `to` (exclusive); `bytes` must
   * stay as they are until the next is put, but for what is read into them with `shared`: as many of
   * the path's bytes are known to be those of the last path put, which stood at the same place. False
   * when that is no absolute path, or has no parent, or is not there and only a `part` is known.
   */
  load(
    bytes: Uint8Array,
    from: number,
    to: number,
    was: LoadedNode,
    part: LoadedPart = WHOLE,
    shared: number = UNKNOWN,
  ): boolean {
    if (to - from === 1 && bytes[from] === SLASH) {
      this.#put(this.#nodes[0]!, 1, was, part);
      // The bytes of the path before need not stay as they are any longer.
      this.#from = this.#to = 0;
      return true;
    }
    // Where the last path stood elsewhere, it still does.
    const same = shared >= 0 && bytes === this.#bytes
      ? Math.min(shared, this.#to)
      : this.#sameBytes(bytes, from, to);
    let at = from + this.#keepAbove(same, bytes[from + same] === SLASH && from + same < to);
    this.#from = this.#to = 0;
    let parent = this.#nodes[this.#depth]!;
    for (;;) {
      const start = at + 1;
      if (at >= to || bytes[at] !== SLASH) return false;
      let hash = FNV_START;
      for (at = start; at < to; at++) {
        const byte = bytes[at]!;
        if (!isNameByte(byte)) break;
        hash = Math.imul(hash ^ byte, FNV_PRIME);
      }
      if (at === start) return false;
      hash = mixedHash(hash);
      let node = this.#ownChild(parent, bytes, start, at, hash);
      if (at === to) {
        if (part === WHOLE) {
          node ??= this.#addChild(parent, this.#name(bytes, start, to, hash), hash, was);
        }
        if (node !== null) this.#put(node, to - from, was, part);
      }
      if (node === null) return false;
      this.#nodes[++this.#depth] = node;
      this.#ends[this.#depth] = at - from;
      if (at === to) break;
      parent = node;
    }
    this.#bytes = bytes;
    this.#from = from;
    this.#to = to;
    return true;
  }

  /** As {@link load}, of a whole node at a path in characters. */
  loadPath(path: string, was: LoadedNode): boolean {
    const { length } = path;
    let bytes = this.#pathBefore;
    if (bytes.length < length) bytes = new Uint8Array(2 * length);
    this.#pathBefore = this.#path;
    this.#path = bytes;
    for (let i = 0; i < length; i++) {
      const code = path.charCodeAt(i);
      // What is no byte stands in no name, as NUL does.
      bytes[i] = code <= 0xff ? code : 0;
    }
    return this.load(bytes, 0, length, was);
  }

  /** Charges what is not charged yet, and releases the bytes. */
  end(): void {
    this.#bytes = NO_VALUE;
    this.#depth = this.#from = this.#to = 0;
    this.#chargeOwner(-1);
    this.#mention(NOBODYS);
  }

  /** How many bytes the path has in common with the last one. */
  #sameBytes(bytes: Uint8Array, from: number, to: number): number {
    const before = this.#bytes;
    const shift = this.#from - from;
    const stop = Math.min(to, this.#to - shift);
    let at = from;
    while (at < stop && bytes[at] === before[at + shift]) at++;
    return at - from;
  }

  /**
   * Keeps of the last path's nodes those above a path that has its first `same` bytes; returns where their
   * names end in it. A name that is the same as far as the other goes need not be the same name:
   * `isWhole` says that it ends there.
   */
  #keepAbove(same: number, isWhole: boolean): number {
    const ends = this.#ends;
    let depth = this.#depth;
    while (depth > 0 && (ends[depth]! > same || ends[depth] === same && !isWhole)) depth--;
    this.#depth = depth;
    return ends[depth]!;
  }

  /** The child of that name, made the draft's own, or null. */
  #ownChild(
    parent: Node,
    bytes: Uint8Array,
    from: number,
    to: number,
    hash: number,
  ): Node | null {
    if (parent.children === null) return null;
    const found = childrenOfHash(parent.children, hash);
    if (found === null) return null;
    const node = Array.isArray(found)
      ? found.find(({ name }) => isText(name, bytes, from, to)) ?? null
      : isText(found.name, bytes, from, to)
      ? found
      : null;
    if (node === null || node.epoch === this.#into.epoch) return node;
    const copy = copyNode(node, this.#into.epoch);
    replaceChild(this.#ownChildren(parent), copy);
    return copy;
  }

  /** Domains have nodes of the same names: those share them. */
  #name(bytes: Uint8Array, from: number, to: number, hash: number): string {
    const at = hash & LOADED_NAMES_CACHED - 1;
    const cached = this.#names[at]!;
    return isText(cached, bytes, from, to) ? cached : this.#names[at] = toText(bytes, from, to);
  }

  /** A new child that is not charged yet. */
  #addChild(parent: Node, name: string, hash: number, was: LoadedNode): Node {
    const children = this.#ownChildren(parent);
    const { generation, ordinal, value } = was;
    const node: Node = {
      name,
      hash,
      ordinal,
      epoch: this.#into.epoch,
      value,
      perms: NOBODYS,
      children: null,
      generation,
      origin: this.#origin,
      mark: 0,
    };
    if (ordinal >= children.ordinalNext) children.ordinalNext = ordinal + 1;
    addChild(children, node);
    this.added++;
    this.#charge(parent.perms, 0, name.length + 1);
    return node;
  }

  #ownChildren(node: Node): Children {
    const { epoch } = this.#into;
    if (node.children === null) return node.children = noChildren(epoch);
    if (node.children.epoch === epoch) return node.children;
    return node.children = copyChildren(node.children, epoch);
  }

  #put(node: Node, pathLength: number, was: LoadedNode, part: LoadedPart): void {
    const { versions } = this.#into;
    const { generation, perms } = was;
    if (generation > versions.generation) versions.generation = generation;
    if (part === GENERATION_ONLY) {
      node.generation = generation;
      node.origin = this.#origin;
      return;
    }
    if (node.perms.length > 0) {
      this.#mention(node.perms);
      this.#permsNodes--;
      this.#charge(node.perms, -1, -nodeSize(node) - pathLength);
    }
    node.generation = generation;
    node.origin = this.#origin;
    node.perms = perms;
    if (part === WHOLE) node.value = was.value;
    this.#mention(perms);
    this.#permsNodes++;
    this.#charge(perms, 1, nodeSize(node) + pathLength);
  }

  #charge(perms: Perms, nodes: number, bytes: number): void {
    const owner = ownerOf(perms);
    if (owner !== this.#owner) this.#chargeOwner(owner);
    this.#ownerNodes += nodes;
    this.#ownerBytes += bytes;
  }

  #chargeOwner(next: number): void {
    if (this.#owner >= 0) {
      this.#into.ledger.charge(this.#owner, this.#ownerNodes, this.#ownerBytes);
    }
    this.#owner = next;
    this.#ownerNodes = this.#ownerBytes = 0;
  }

  /** Entries but the owner's count for those whom they name; `next` must be counted then. */
  #mention(next: Perms): void {
    if (next === this.#perms) return;
    const { ledger } = this.#into;
    if (this.#permsNodes !== 0) {
      for (let i = 1; i < this.#perms.length; i++) {
        ledger.mention(this.#perms[i]! & 0xffff, this.#permsNodes);
      }
    }
    this.#perms = next;
    this.#permsNodes = 0;
  }
}

function isText(text: string, bytes: Uint8Array, from: number, to: number): boolean {
  if (text.length !== to - from) return false;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[from + i]) return false;
  return true;
}
