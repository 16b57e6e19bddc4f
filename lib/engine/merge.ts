import { PendingAccounts } from "./accounts.ts";
import { childOfPath } from "../store/children.ts";
import { Cursor } from "../store/cursor.ts";
import {
  DeferredMarks,
  DIRTY_GENERATION,
  DIRTY_NEW,
  DIRTY_PERMS,
  DIRTY_VALUE,
} from "../store/dirty_nodes.ts";
import { Draft } from "../store/draft.ts";
import { emptyWalk, lookup, lookupParent, walk } from "../store/lookup.ts";
import { markDifference } from "../store/marked_difference.ts";
import type { Node, Origin } from "../store/node.ts";
import { parentPath, ROOT_PATH } from "../store/path.ts";
import { inTreeOrder, inTurnOrder, recallNames, SORTED_FROM, type Touched } from "./touched.ts";
import type { Transaction } from "./transaction.ts";

/** A node that the transaction wrote, before its commit and behind it; null where it is not there. */
export interface Merged {
  readonly touched: Touched;
  readonly before: Node | null;
  readonly node: Node | null;
  /** Its parent. */
  readonly aboveBefore: Node | null;
  readonly above: Node | null;
}

interface Roots {
  readonly before: Node;
  after: Node;
}

/** One of a few, of which the rest is looked for when it is asked for: mostly it is not. */
class Looked implements Merged {
  constructor(
    private readonly roots: Roots,
    readonly touched: Touched,
    readonly node: Node | null,
  ) {}

  get before(): Node | null {
    recallNames(this.touched);
    return lookup(this.roots.before, this.touched.path);
  }

  get aboveBefore(): Node | null {
    recallNames(this.touched);
    return lookupParent(this.roots.before, this.touched.path);
  }

  get above(): Node | null {
    recallNames(this.touched);
    return lookupParent(this.roots.after, this.touched.path);
  }
}

/** The tree with the transaction's changes merged in, ready to be adopted or dropped. */
export interface Merge {
  readonly draft: Draft;
  readonly accounts: PendingAccounts;
  /** What was written, parents first. */
  readonly nodes: readonly Merged[];
  /** What changes with the adoption of the draft; null where nobody is told. */
  readonly marks: DeferredMarks | null;
  /** Whether others have changed the tree meanwhile. */
  readonly isShared: boolean;
}

/**
 * Does again, on the committed tree, what the transaction did. Whatever it saw is still so;
 * what others changed besides stays. Nothing real changes before the draft is adopted. It costs
 * what was done, not how deep that is: neighbours share their way.
 */
export function merge(transaction: Transaction, committed: Draft): Merge {
  const { base, draft: own } = transaction;
  if (base === committed.root && own !== null) return unchanged(transaction, own, committed);
  const accounts = new PendingAccounts();
  const marks = committed.marks === null ? null : new DeferredMarks();
  const before = committed.snapshot();
  const draft = new Draft(before, committed.versions, accounts, marks);
  const nodes = transaction.written.length < SORTED_FROM
    ? redoFew(transaction, { before, after: before }, draft)
    : redoAll(transaction, before, draft);
  return { draft, accounts, nodes, marks, isShared: true };
}

/** Nobody changed anything meanwhile: the transaction's own draft is the merge. */
function unchanged(transaction: Transaction, draft: Draft, committed: Draft): Merge {
  const { accounts, written } = transaction;
  const roots = { before: committed.root, after: draft.root };
  const nodes = written.length < SORTED_FROM ? findFew(written, roots) : findAll(written, roots);
  const marks = committed.marks === null ? null : new DeferredMarks();
  if (marks !== null) {
    // What it did was done again on another tree: parents that were missing there were made with it.
    if (transaction.hasMovedOn) markDifference(roots.before, roots.after, marks);
    else markAll(nodes, marks);
  }
  return { draft, accounts, nodes, marks, isShared: false };
}

function findFew(written: readonly Touched[], roots: Roots): Merged[] {
  const nodes: Merged[] = [];
  for (const touched of inTurnOrder(written)) {
    recallNames(touched);
    nodes.push(new Looked(roots, touched, lookup(roots.after, touched.path)));
  }
  return nodes;
}

function findAll(written: readonly Touched[], { after, before }: Roots): Merged[] {
  const was = new Cursor(before), is = new Cursor(after);
  return inTreeOrder(written).map(({ above: path, touched }) => {
    const aboveBefore = was.find(path), above = is.find(path);
    const before = childAt(aboveBefore, touched.path), node = childAt(above, touched.path);
    return { touched, before, node, aboveBefore, above };
  });
}

/** Tells what has become of nodes that were written on the tree as it is. */
function markAll(nodes: readonly Merged[], marks: DeferredMarks): void {
  for (const merged of nodes) {
    const { node, touched: { createdWith, path, permsSet, removed, valueSet } } = merged;
    const before = removed ? merged.before : null;
    if (before !== null) marks.removed(path, before);
    if (node === null) continue;
    const isNew = createdWith === null ? 0 : DIRTY_NEW;
    marks.changed(path, node, isNew | (valueSet ? DIRTY_VALUE : 0) | (permsSet ? DIRTY_PERMS : 0));
  }
  // Behind all nodes: a parent may be new itself, and made again behind a child that was removed from it.
  for (const merged of nodes) {
    const { createdWith, path, removed } = merged.touched;
    const above = removed || createdWith !== null ? merged.above : null;
    if (above !== null) marks.changed(parentPath(path), above, DIRTY_GENERATION);
  }
}

/** The same one by one: for a few that is quicker. */
function redoFew({ connection, draft, written }: Transaction, roots: Roots, into: Draft): Merged[] {
  const { origin } = connection;
  const nodes = inTurnOrder(written).map((touched) => {
    const { path, permsSet, removed, valueSet } = touched;
    recallNames(touched);
    let node = lookup(into.root, path);
    if (removed && node !== null) {
      into.remove(path, origin);
      node = null;
    }
    const now = draft === null ? null : lookup(draft.root, path);
    if (draft === null || now !== null) {
      node ??= createMissing(into, touched, origin);
      if (valueSet) node = into.setValue(path, (now ?? touched).value!, origin, node);
      if (permsSet) node = into.setPerms(path, now!.perms, origin, node);
    } else {
      // Gone with one above it, which may yet be to be removed.
      node = null;
    }
    return new Looked(roots, touched, node);
  });
  roots.after = into.root;
  return nodes;
}

/** Makes the node, and parents that another client removed meanwhile as a write makes them. */
function createMissing(into: Draft, { createdWith, path }: Touched, origin: Origin): Node {
  const { above: { perms }, aboveLength } = walk(into.root, path, emptyWalk(into.root));
  const slash = path.lastIndexOf("/");
  if (aboveLength < slash) into.create(path.slice(0, slash), perms, origin, aboveLength);
  return into.create(path, createdWith ?? perms, origin);
}

function redoAll({ connection, draft, written }: Transaction, base: Node, into: Draft): Merged[] {
  const { origin } = connection;
  const was = new Cursor(base), is = into.cursor();
  const wanted = draft === null ? null : new Cursor(draft.root);
  const nodes: Merged[] = [];
  for (const { above: path, touched } of inTreeOrder(written)) {
    const aboveBefore = was.find(path);
    const before = childAt(aboveBefore, touched.path);
    let above = is.find(path);
    let node = above === null ? null : into.childIn(above, touched.path);
    if (touched.removed && node !== null) {
      into.removeFrom(above!, node, touched.path, origin);
      node = null;
    }
    const now = wanted === null ? null : childAt(wanted.find(path), touched.path);
    if (wanted === null || now !== null) {
      if (node === null) {
        const inherited = is.nearest.perms;
        // Parents that another client has removed meanwhile are made as a write makes them.
        if (above === null) {
          into.create(path, inherited, origin, is.nearestLength);
          above = is.find(path)!;
        }
        node = into.createIn(above, touched.path, touched.createdWith ?? inherited, origin);
      }
      if (touched.valueSet) into.setValue(touched.path, (now ?? touched).value!, origin, node);
      if (touched.permsSet) into.setPerms(touched.path, now!.perms, origin, node);
    }
    nodes.push({ touched, before, node, aboveBefore, above });
  }
  return nodes;
}

/** The node at `path`, whose parent is `above`; null when one of them is not there. */
function childAt(above: Node | null, path: string): Node | null {
  if (above === null || path === ROOT_PATH) return above;
  return above.children === null ? null : childOfPath(above.children, path);
}
