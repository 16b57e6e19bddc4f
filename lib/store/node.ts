import type { Perms } from "./perms.ts";

/** Who last changed a node, for explanations of conflicts. */
export interface Origin {
  readonly label: string;
  /** The unprivileged domain that did it; missing where another client, or the daemon, did. */
  readonly guest?: number;
}

/**
 * One node. It may be changed in place only by the {@link Draft} whose epoch it carries; every
 * other holder of a root sees it as immutable. That is how snapshots cost nothing.
 */
export interface Node {
  readonly name: string;
  /** Of the name; see {@link hashName}. */
  readonly hash: number;
  /** Position among its siblings: creation order. */
  readonly ordinal: number;
  epoch: number;
  value: Uint8Array;
  perms: Perms;
  children: Children | null;
  /** The store's generation when value, permissions or child list last changed. */
  generation: number;
  origin: Origin;
  /** Where it stands among the nodes that changed (dirty_nodes.ts), if it does; 0 for nowhere. */
  mark: number;
}

/**
 * The children of one node: a hash trie of 32-way branches, structure shared between versions,
 * so that looking up, adding, replacing and removing cost the same with ten children and with
 * 100,000. What carries the caller's epoch is changed in place, all else copied first.
 */
export interface Children {
  epoch: number;
  size: number;
  /** Bytes of all names with their NULs: the length of a DIRECTORY reply. */
  bytes: number;
  ordinalNext: number;
  /** One child needs no branch; null where there is none. */
  root: Slot | null;
  /** The list as DIRECTORY sends it, made when first asked for and kept while names stay. */
  names: Uint8Array | null;
}

export interface Branch {
  epoch: number;
  bitmap: number;
  slots: Slot[];
}

/** Nodes whose hashes agree in all 32 bits share an array. */
export type Slot = Branch | Node | Node[];

/** The value of nodes that were never given one. */
export const NO_VALUE: Uint8Array = new Uint8Array(0);

/** What FNV-1a begins with, and what it multiplies by for each byte. */
export const FNV_START = 0x811c9dc5;
export const FNV_PRIME = 0x01000193;

/** FNV-1a over the characters of a name. */
export function hashName(name: string): number {
  return hashRange(name, 0, name.length);
}

/** The hash of the name that stands in `path` from `from` to `to` (exclusive). */
export function hashRange(path: string, from: number, to: number): number {
  let hash = FNV_START;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ path.charCodeAt(i), FNV_PRIME);
  return mixedHash(hash);
}

/** A name's FNV-1a with its low bits, which mix badly, mixed: the tree uses five at a time, lowest first. */
export function mixedHash(hash: number): number {
  return hash ^ hash >>> 15;
}

const NOBODY: Origin = { label: "nobody" };

/** A node that has nothing yet; `hash` is its name's. */
export function newNode(
  name: string,
  ordinal: number,
  epoch: number,
  perms: Perms,
  hash: number = hashName(name),
): Node {
  return {
    name,
    hash,
    ordinal,
    epoch,
    value: NO_VALUE,
    perms,
    children: null,
    generation: 0,
    origin: NOBODY,
    mark: 0,
  };
}

/** A copy that belongs to `epoch`. */
export function copyNode(node: Node, epoch: number): Node {
  return {
    name: node.name,
    hash: node.hash,
    ordinal: node.ordinal,
    epoch,
    value: node.value,
    perms: node.perms,
    children: node.children,
    generation: node.generation,
    origin: node.origin,
    mark: node.mark,
  };
}

/**
 * Bytes that a node takes in memory beside its value, its permissions and its path, at most: measured,
 * two thirds of it, in a flat directory as in a chain.
 */
export const NODE_BYTES = 300;

/** What a version of a node keeps in memory that was replaced by another, at most. */
export function versionBytes(node: Node): number {
  return NODE_BYTES + node.value.length;
}

/**
 * Bytes that count against the node-size quota: a fixed 16, 8 for each permission entry, the
 * value, and the children's names with their NULs (C xenstored's record size).
 */
export function nodeSize(node: Node): number {
  return 16 + 8 * node.perms.length + node.value.length + (node.children?.bytes ?? 0);
}
