import { putText } from "../wire/text.ts";
import { type Branch, type Children, hashName, hashRange, type Node, type Slot } from "./node.ts";

const BITS = 5;

/** An empty set of children that belongs to `epoch`. */
export function noChildren(epoch: number): Children {
  return { epoch, size: 0, bytes: 0, ordinalNext: 0, root: null, names: null };
}

/** A copy whose branches are still shared. */
export function copyChildren(children: Children, epoch: number): Children {
  return { ...children, epoch };
}

function isBranch(slot: Slot): slot is Branch {
  return (slot as Branch).slots !== undefined;
}

function bitOf(hash: number, shift: number): number {
  return 1 << (hash >>> shift & 31);
}

function popCount(bits: number): number {
  bits -= bits >>> 1 & 0x55555555;
  bits = (bits & 0x33333333) + (bits >>> 2 & 0x33333333);
  return Math.imul(bits + (bits >>> 4) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** The child of that name, or null. */
export function getChild(children: Children, name: string): Node | null {
  return getChildIn(children, name, 0, name.length, hashName(name));
}

/**
 * The child whose name stands in `path` from `from` to `to` (exclusive) and has that hash, or null.
 * Walking down a path this way makes no string of each name.
 */
export function getChildIn(
  children: Children,
  path: string,
  from: number,
  to: number,
  hash: number,
): Node | null {
  const found = childrenOfHash(children, hash);
  if (found === null) return null;
  if (!Array.isArray(found)) return isNamed(found, path, from, to) ? found : null;
  return oneNamed(found, path, from, to);
}

/** On its own, since a function within a function costs each call, whether or not that runs. */
function oneNamed(nodes: readonly Node[], path: string, from: number, to: number): Node | null {
  return nodes.find((node) => isNamed(node, path, from, to)) ?? null;
}

/** The child that has the last name of `path`, which is not the root's, or null. */
export function childOfPath(children: Children, path: string): Node | null {
  const from = path.lastIndexOf("/") + 1;
  return getChildIn(children, path, from, path.length, hashRange(path, from, path.length));
}

/** The child whose name has that hash, or all of them, or null. */
export function childrenOfHash(children: Children, hash: number): Node | Node[] | null {
  let slot = children.root;
  if (slot === null) return null;
  for (let shift = 0; isBranch(slot); shift += BITS) {
    const bit = bitOf(hash, shift);
    if ((slot.bitmap & bit) === 0) return null;
    slot = slot.slots[popCount(slot.bitmap & bit - 1)]!;
  }
  if (Array.isArray(slot)) return slot;
  return slot.hash === hash ? slot : null;
}

/** Characters up to which a comparison of names in place is faster than one of a cut part; for 62 the latter takes a quarter of the time. */
const SHORT_NAME = 12;

function isNamed(node: Node, path: string, from: number, to: number): boolean {
  const { name } = node, { length } = name;
  if (length !== to - from) return false;
  return length > SHORT_NAME ? path.slice(from, to) === name : path.startsWith(name, from);
}

function ownBranch(branch: Branch, epoch: number): Branch {
  if (branch.epoch === epoch) return branch;
  return { epoch, bitmap: branch.bitmap, slots: branch.slots.slice() };
}

/** Puts a node in, in place of one of the same name if there is one. `children` is owned. */
function put(children: Children, node: Node): void {
  const { epoch, root } = children;
  if (root === null || !isBranch(root)) {
    children.root = root === null ? node : joined(root, node, 0, epoch);
    return;
  }
  let branch = children.root = ownBranch(root, epoch);
  for (let shift = 0;; shift += BITS) {
    const bit = bitOf(node.hash, shift);
    const at = popCount(branch.bitmap & bit - 1);
    if ((branch.bitmap & bit) === 0) {
      branch.bitmap |= bit;
      insertSlot(branch.slots, at, node);
      return;
    }
    const slot = branch.slots[at]!;
    if (isBranch(slot)) {
      branch = branch.slots[at] = ownBranch(slot, epoch);
      continue;
    }
    branch.slots[at] = joined(slot, node, shift + BITS, epoch);
    return;
  }
}

/** As splice, in half the time for so few. */
function insertSlot(slots: Slot[], at: number, node: Node): void {
  slots.push(node);
  for (let i = slots.length - 1; i > at; i--) slots[i] = slots[i - 1]!;
  slots[at] = node;
}

/** The same without a list of what was removed. */
function removeSlot(slots: Slot[], at: number): void {
  for (let i = at + 1; i < slots.length; i++) slots[i - 1] = slots[i]!;
  slots.pop();
}

/** What takes the place of a leaf slot when `node` comes to it. */
function joined(slot: Node | Node[], node: Node, shift: number, epoch: number): Slot {
  if (!Array.isArray(slot) && slot.name === node.name) return node;
  const nodes = Array.isArray(slot) ? slot : [slot];
  const hash = nodes[0]!.hash;
  if (hash === node.hash) {
    const others = nodes.filter((other) => other.name !== node.name);
    return others.length === 0 ? node : [...others, node];
  }
  const top: Branch = { epoch, bitmap: 0, slots: [] };
  let branch = top;
  for (;; shift += BITS) {
    const bit = bitOf(hash, shift), other = bitOf(node.hash, shift);
    branch.bitmap = bit | other;
    if (bit !== other) {
      // Unsigned, since the topmost bit makes a signed one negative.
      branch.slots = bit >>> 0 < other >>> 0 ? [slot, node] : [node, slot];
      return top;
    }
    const below: Branch = { epoch, bitmap: 0, slots: [] };
    branch.slots = [below];
    branch = below;
  }
}

/** Adds a new child; its name is not among `children`, which is owned. */
export function addChild(children: Children, node: Node): void {
  put(children, node);
  children.size++;
  children.bytes += node.name.length + 1;
  children.names = null;
}

/** Replaces a child by another version of itself. */
export function replaceChild(children: Children, node: Node): void {
  put(children, node);
}

/** Removes a child that is there; `children` is owned. */
export function removeChild(children: Children, node: Node): void {
  const { root } = children;
  if (root !== null && isBranch(root)) removeFrom(children, root, node);
  else children.root = without(root, node);
  children.size--;
  children.bytes -= node.name.length + 1;
  children.names = null;
}

/** What is left of nodes of one hash. */
function without(leaf: Node | Node[] | null, node: Node): Node | Node[] | null {
  if (!Array.isArray(leaf)) return null;
  const others = leaf.filter((other) => other !== node);
  return others.length === 1 ? others[0]! : others;
}

function removeFrom(children: Children, root: Branch, node: Node): void {
  const epoch = children.epoch;
  const path: Branch[] = [];
  let branch = children.root = ownBranch(root, epoch);
  for (let shift = 0;; shift += BITS) {
    const bit = bitOf(node.hash, shift);
    const at = popCount(branch.bitmap & bit - 1);
    const slot = branch.slots[at]!;
    if (isBranch(slot)) {
      path.push(branch);
      branch = branch.slots[at] = ownBranch(slot, epoch);
      continue;
    }
    const left = without(slot, node);
    if (left !== null) branch.slots[at] = left;
    else {
      removeSlot(branch.slots, at);
      branch.bitmap &= ~bit;
    }
    break;
  }
  collapse(path, branch, node.hash);
  // With one leaf it stays: a directory with one child gets and loses a second one again and again.
  if (children.root.slots.length === 0) children.root = null;
}

/** Folds branches left with one leaf into their parents: churn must leave nothing. */
function collapse(path: Branch[], branch: Branch, hash: number): void {
  for (let depth = path.length - 1; depth >= 0; depth--) {
    const last = branch.slots[0]!;
    if (branch.slots.length > 1 || isBranch(last)) return;
    branch = path[depth]!;
    branch.slots[popCount(branch.bitmap & bitOf(hash, depth * BITS) - 1)] = last;
  }
}

/** The child, where it is the only one; null where there is none or are several. */
export function onlyChild({ root, size }: Children): Node | null {
  if (root === null || size > 1) return null;
  const leaf = isBranch(root) ? root.slots[0]! : root;
  return isNode(leaf) ? leaf : null;
}

/** All children in creation order, in an array of the caller's own. */
export function listChildren(children: Children | null): Node[] {
  if (children === null || children.root === null) return [];
  const only = onlyChild(children);
  // An empty array that grows gets room for seventeen.
  if (only !== null) return [only];
  const nodes: Node[] = [];
  appendBelow(children.root, nodes);
  return nodes.sort((a, b) => a.ordinal - b.ordinal);
}

/** Appends all children in no particular order. */
export function appendChildren(children: Children | null, to: Node[]): void {
  if (children !== null && children.root !== null) appendBelow(children.root, to);
}

/** No deeper than a hash has bits to tell branches apart. */
function appendBelow(slot: Slot, to: Node[]): void {
  if (Array.isArray(slot)) to.push(...slot);
  else if (!isBranch(slot)) to.push(slot);
  else for (let i = 0; i < slot.slots.length; i++) appendBelow(slot.slots[i]!, to);
}

const EMPTY = new Uint8Array(0);

/** The names in creation order, each with its NUL. Shared: never write into it. */
export function childNames(children: Children | null): Uint8Array {
  if (children === null) return EMPTY;
  if (children.names !== null) return children.names;
  const names = new Uint8Array(children.bytes);
  let at = 0;
  for (const node of listChildren(children)) at = putText(names, at, node.name) + 1;
  children.names = names;
  return names;
}

/** A child in two versions of a set; null in the one that lacks it. */
export type ChildPair = readonly [before: Node | null, after: Node | null];

/** Whether two versions of a child need not be told apart. */
export type SameChild = (before: Node, after: Node) => boolean;

/**
 * The children that are not the same in both sets, in creation order. What the sets share is not
 * looked at, so versions of one set cost what was changed between them.
 */
export function differingChildren(
  before: Children | null,
  after: Children | null,
  isSame: SameChild,
): ChildPair[] {
  // Nodes of a chain, without lists that have room for more.
  const was = before?.root ?? null, is = after?.root ?? null;
  if (was === null && is !== null && isNode(is)) return [[null, is]];
  if (is === null && was !== null && isNode(was)) return [[was, null]];
  const pairs: ChildPair[] = [];
  // Where there is nothing to compare with, nothing needs to be looked up by its name.
  if (before === null || after === null) appendAlone(before, after, pairs);
  else if (before !== after) compareSlots(before.root, after.root, isSame, pairs);
  return pairs.sort(([a, b], [c, d]) => (a ?? b)!.ordinal - (c ?? d)!.ordinal);
}

function appendAlone(before: Children | null, after: Children | null, to: ChildPair[]): void {
  const nodes: Node[] = [];
  appendChildren(before ?? after, nodes);
  for (const node of nodes) to.push(before === null ? [null, node] : [node, null]);
}

function compareSlots(
  before: Slot | null,
  after: Slot | null,
  isSame: SameChild,
  pairs: ChildPair[],
): void {
  if (before === after) return;
  if (before !== null && after !== null) {
    if (isBranch(before) && isBranch(after)) {
      for (let bits = before.bitmap | after.bitmap; bits !== 0; bits &= bits - 1) {
        const bit = bits & -bits;
        compareSlots(slotAt(before, bit), slotAt(after, bit), isSame, pairs);
      }
      return;
    }
    if (isNode(before) && isNode(after) && before.name === after.name) {
      if (!isSame(before, after)) pairs.push([before, after]);
      return;
    }
  }
  compareNodes(nodesOf(before), nodesOf(after), isSame, pairs);
}

function compareNodes(
  before: ReadonlyMap<string, Node>,
  after: ReadonlyMap<string, Node>,
  isSame: SameChild,
  pairs: ChildPair[],
): void {
  for (const [name, node] of before) {
    const other = after.get(name) ?? null;
    if (other === null || node !== other && !isSame(node, other)) pairs.push([node, other]);
  }
  for (const [name, node] of after) if (!before.has(name)) pairs.push([null, node]);
}

function isNode(slot: Slot): slot is Node {
  return !Array.isArray(slot) && !isBranch(slot);
}

function slotAt(branch: Branch, bit: number): Slot | null {
  return (branch.bitmap & bit) === 0 ? null : branch.slots[popCount(branch.bitmap & bit - 1)]!;
}

function nodesOf(slot: Slot | null): Map<string, Node> {
  const nodes = new Map<string, Node>();
  const pending: Slot[] = slot === null ? [] : [slot];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (Array.isArray(next)) { for (const node of next) nodes.set(node.name, node); }
    else if (isBranch(next)) pending.push(...next.slots);
    else nodes.set(next.name, next);
  }
  return nodes;
}
