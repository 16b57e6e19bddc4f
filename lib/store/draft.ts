import {
  addChild,
  childOfPath,
  copyChildren,
  getChild,
  getChildIn,
  noChildren,
  removeChild,
  replaceChild,
} from "./children.ts";
import type { Versions } from "./versions.ts";
import { Cursor } from "./cursor.ts";
import {
  DIRTY_GENERATION,
  DIRTY_PERMS,
  DIRTY_VALUE,
  markMade,
  type NodeMarks,
} from "./dirty_nodes.ts";
import { account, accountRemoval, type Ledger, mention } from "./ledger.ts";
import type { Walk } from "./lookup.ts";
import { namesOf, parentOf } from "./names.ts";
import {
  type Children,
  copyNode,
  hashName,
  newNode,
  type Node,
  nodeSize,
  type Origin,
  versionBytes,
} from "./node.ts";
import { ROOT_PATH } from "./path.ts";
import { ownerOf, type Perms } from "./perms.ts";
import type { Snapshot, SnapshotHolder } from "./snapshots.ts";
import type { TreeObserver } from "./tree_changes.ts";
import { ownText } from "../wire/text.ts";
import { TreeLoader } from "./tree_loader.ts";

/** What it takes to make a node of one's own, to add one, to take one off, in units of the meter. */
const COPY_UNITS = 15;
const CREATE_UNITS = 10;
const REMOVE_UNITS = 10;

/**
 * A version of the tree that can be changed. Nodes of its own epoch are changed in place, all
 * others are copied on the way down to them, so a change costs O(depth), and a
 * {@link snapshot} O(1). All paths are canonical; what is done has been checked before.
 */
export class Draft {
  root: Node;
  #epoch: number;
  /** How many nodes were made or copied: what it takes in memory while it is not the store's. */
  made = 0;
  /** Told of each change; null where nobody wants to know. */
  observer: TreeObserver | null = null;
  /** Bytes of nodes that it replaces, by their epochs, until it is adopted; null for none. */
  #replaced: Map<number, number> | null = null;

  /** The store's own tree is `committed`: what it replaces is replaced at once. */
  constructor(
    root: Node,
    readonly versions: Versions,
    readonly ledger: Ledger,
    readonly marks: NodeMarks | null = null,
    private readonly committed = false,
  ) {
    this.root = root;
    this.#epoch = versions.nextEpoch();
  }

  /** The tree as it is now; later changes to this draft do not show in it. */
  snapshot(): Node {
    this.#epoch = this.versions.nextEpoch();
    return this.root;
  }

  /** The same for an owner that is told what it keeps in memory, until it is dropped. */
  openSnapshot(holder: SnapshotHolder): Snapshot {
    const root = this.snapshot();
    // That of the latest change, as each makes a root of its own.
    return this.versions.snapshots.add(root.epoch, root, holder);
  }

  /** Takes over the tree of a draft that was made from this one and is done with. */
  adopt(draft: Draft): void {
    if (draft.#replaced !== null) {
      for (const [epoch, bytes] of draft.#replaced) this.versions.snapshots.replaced(epoch, bytes);
    }
    this.observer?.replaced(this.root);
    this.root = draft.root;
    this.#epoch = draft.#epoch;
  }

  /**
   * Gives an existing node a value. `value` is kept: never write into it again. `found` is the
   * node if the caller has just looked it up: if it is this draft's own, so is all above it.
   */
  setValue(path: string, value: Uint8Array, origin: Origin, found: Node | null = null): Node {
    const node = this.#own(path, found);
    this.observer?.changing(path, node);
    this.ledger.charge(ownerOf(node.perms), 0, value.length - node.value.length);
    node.value = value;
    this.#touched(path, node, origin, DIRTY_VALUE);
    return node;
  }

  /** Gives an existing node permissions; a new owner takes over the charge for it. `found` as above. */
  setPerms(path: string, perms: Perms, origin: Origin, found: Node | null = null): Node {
    const node = this.#putPerms(path, perms, found);
    this.#touched(path, node, origin, DIRTY_PERMS);
    return node;
  }

  /**
   * Adds a node that is not there yet, with the nodes missing above it. `aboveLength` is the length
   * of the path of the nearest that is there, 0 for the root; without it, its parent is there. `found`
   * is that one, as in {@link setValue}.
   */
  create(
    path: string,
    perms: Perms,
    origin: Origin,
    aboveLength: number = path.lastIndexOf("/"),
    found: Node | null = null,
  ): Node {
    if (this.versions.living !== null) perms = this.versions.living(perms);
    const above = this.#ownDownTo(path, aboveLength, found);
    const { count, ends, hashes } = namesOf(path);
    let first = count;
    while (first > 0 && ends[first - 1]! > aboveLength) first--;
    let parent = above, from = aboveLength + 1, bytes = 0, levels = 0;
    let between: Node[] | null = null;
    for (let i = first; i < count; i++) {
      const to = ends[i]!;
      // What is below may go: the name is not to keep all of the path.
      const name = to < path.length ? ownText(path.slice(from, to)) : path.slice(from, to);
      const node = this.#add(parent, name, hashes[i]!, perms, origin);
      bytes += nodeSize(node) + to;
      if (levels++ > 0) {
        bytes += node.name.length + 1;
        if (this.marks !== null) (between ??= []).push(parent);
      }
      parent = node;
      from = to + 1;
    }
    this.versions.meter.add(CREATE_UNITS * levels);
    this.ledger.charge(ownerOf(above.perms), 0, ends[count - levels]! - aboveLength);
    this.ledger.charge(ownerOf(perms), levels, bytes);
    mention(this.ledger, perms, levels);
    if (this.marks !== null) markMade(this.marks, path, aboveLength, above, between, parent);
    this.observer?.made(path, aboveLength, parent);
    return parent;
  }

  /** Adds a node at `path` to `parent`, which is there, this draft's own, and lacks it. */
  createIn(parent: Node, path: string, perms: Perms, origin: Origin): Node {
    if (this.versions.living !== null) perms = this.versions.living(perms);
    const name = ownText(path.slice(path.lastIndexOf("/") + 1));
    const node = this.#add(parent, name, hashName(name), perms, origin);
    this.ledger.charge(ownerOf(parent.perms), 0, name.length + 1);
    account(this.ledger, path, node, 1);
    this.versions.meter.add(CREATE_UNITS);
    if (this.marks !== null) markMade(this.marks, path, path.length, parent, null, node);
    return node;
  }

  #add(parent: Node, name: string, hash: number, perms: Perms, origin: Origin): Node {
    const children = this.#ownChildren(parent);
    const node = newNode(name, children.ordinalNext++, this.#epoch, perms, hash);
    node.generation = ++this.versions.generation;
    node.origin = origin;
    addChild(children, node);
    this.made++;
    parent.generation = ++this.versions.generation;
    parent.origin = origin;
    return node;
  }

  /** Removes a node, not the root, with all below; `found` are it and its parent, if just looked up. */
  remove(path: string, origin: Origin, found: Walk | null = null): void {
    const slash = path.lastIndexOf("/");
    const parent = this.#ownDownTo(path, slash, found?.above);
    const node = found?.node ?? getChild(parent.children!, path.slice(slash + 1))!;
    this.removeFrom(parent, node, path, origin);
  }

  /** Removes a node that is a child of `parent`, which is this draft's own. */
  removeFrom(parent: Node, node: Node, path: string, origin: Origin): void {
    const children = this.#ownChildren(parent);
    const gone = node.children === null ? this.#dropLeaf(path, node) : this.#dropTree(path, node);
    this.versions.meter.add(REMOVE_UNITS * gone);
    removeChild(children, node);
    if (children.size === 0) parent.children = null;
    this.ledger.charge(ownerOf(parent.perms), 0, -(node.name.length + 1));
    this.marks?.removed(path, node);
    this.observer?.removed(path, node);
    this.#touchedAbove(path, parent, origin);
  }

  /** A node without children goes, as most do. */
  #dropLeaf(path: string, node: Node): number {
    account(this.ledger, path, node, -1);
    if (node.epoch !== this.#epoch) this.#replace(node);
    return 1;
  }

  #dropTree(path: string, node: Node): number {
    return accountRemoval(this.ledger, path.length, node, (gone) => {
      if (gone.epoch !== this.#epoch) this.#replace(gone);
    });
  }

  /** Replaces permissions without that counting as a change (dead domids, stale marks). */
  amendPerms(path: string, perms: Perms): void {
    const node = this.#putPerms(path, perms, null);
    this.marks?.changed(path, node, DIRTY_PERMS);
  }

  #putPerms(path: string, perms: Perms, found: Node | null): Node {
    const node = this.#own(path, found);
    this.observer?.changing(path, node);
    account(this.ledger, path, node, -1);
    node.perms = perms;
    account(this.ledger, path, node, 1);
    return node;
  }

  /** Loads nodes as they once were; nothing is marked, and nothing counts as changed. */
  loader(origin: Origin): TreeLoader {
    const { versions, ledger } = this;
    return new TreeLoader(
      { root: this.#own(ROOT_PATH), epoch: this.#epoch, versions, ledger },
      origin,
    );
  }

  #touched(path: string, node: Node, origin: Origin, what: number): void {
    node.generation = ++this.versions.generation;
    node.origin = origin;
    this.marks?.changed(path, node, what);
  }

  /** The list of children of `parent`, which the node at `path` has or had, is another. */
  #touchedAbove(path: string, parent: Node, origin: Origin): void {
    parent.generation = ++this.versions.generation;
    parent.origin = origin;
    if (this.marks !== null) this.marks.changed(parentOf(path), parent, DIRTY_GENERATION);
  }

  /**
   * A cursor that makes this draft's own what it finds. Removed nodes it must not have found last,
   * or it has to find their parent before.
   */
  cursor(): Cursor {
    const root = this.#own(ROOT_PATH);
    return new Cursor(root, (parent, path, from, to, hash) => {
      if (parent.children === null) return null;
      const child = getChildIn(parent.children, path, from, to, hash);
      return child === null ? null : this.#ownChild(parent, child);
    });
  }

  /** The node at `path`, made this draft's own, whose parent is its own and, for the root, itself. */
  childIn(parent: Node, path: string): Node | null {
    if (path === ROOT_PATH) return parent;
    if (parent.children === null) return null;
    const child = childOfPath(parent.children, path);
    return child === null ? null : this.#ownChild(parent, child);
  }

  #ownChild(parent: Node, child: Node): Node {
    if (child.epoch === this.#epoch) return child;
    const own = this.#copy(child);
    replaceChild(this.#ownChildren(parent), own);
    this.versions.meter.add(COPY_UNITS);
    return own;
  }

  /** The node at `path`, made this draft's own with everything above it. */
  #own(path: string, found: Node | null = null): Node {
    return this.#ownDownTo(path, path.length, found);
  }

  /** The same of the node whose path is the first `length` characters, which may have been `found`. */
  #ownDownTo(path: string, length: number, found: Node | null = null): Node {
    if (found !== null && found.epoch === this.#epoch) return found;
    const { count, ends, hashes } = namesOf(path);
    let node = this.root;
    if (node.epoch !== this.#epoch) node = this.root = this.#copy(node);
    let from = 1, depth = 0, copies = 0;
    for (; depth < count && from <= length; depth++) {
      const to = ends[depth]!;
      let child = getChildIn(node.children!, path, from, to, hashes[depth]!)!;
      if (child.epoch !== this.#epoch) {
        child = this.#copy(child);
        replaceChild(this.#ownChildren(node), child);
        copies++;
      }
      node = child;
      from = to + 1;
    }
    this.versions.meter.add(depth + COPY_UNITS * copies);
    return node;
  }

  #copy(node: Node): Node {
    this.#replace(node);
    this.made++;
    return copyNode(node, this.#epoch);
  }

  /** Snapshots may have a node that this draft has no more. */
  #replace(node: Node): void {
    const bytes = versionBytes(node);
    if (this.committed) return this.versions.snapshots.replaced(node.epoch, bytes);
    const replaced = this.#replaced ??= new Map();
    replaced.set(node.epoch, (replaced.get(node.epoch) ?? 0) + bytes);
  }

  #ownChildren(node: Node): Children {
    if (node.children === null) return node.children = noChildren(this.#epoch);
    if (node.children.epoch === this.#epoch) return node.children;
    return node.children = copyChildren(node.children, this.#epoch);
  }
}
