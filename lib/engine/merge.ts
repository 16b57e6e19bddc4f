import { PendingAccounts } from "./accounts.ts";
import { getChild } from "../store/children.ts";
import { Cursor } from "../store/cursor.ts";
import {
  DeferredMarks,
  DIRTY_GENERATION,
  DIRTY_NEW,
  DIRTY_PERMS,
  DIRTY_VALUE,
} from "../store/dirty_nodes.ts";
import { Draft } from "../store/draft.ts";
import type { Node } from "../store/node.ts";
import { ROOT_PATH } from "../store/path.ts";
import { inTreeOrder, type Touched } from "./touched.ts";
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
  const draft = new Draft(before, committed.clock, accounts, marks);
  const nodes = redoAll(transaction, before, draft);
  return { draft, accounts, nodes, marks, isShared: true };
}

/** Nobody changed anything meanwhile: the transaction's own draft is the merge. */
function unchanged(transaction: Transaction, draft: Draft, committed: Draft): Merge {
  const { accounts, written } = transaction;
  const marks = committed.marks === null ? null : new DeferredMarks();
  const nodes: Merged[] = [];
  const was = new Cursor(committed.root), is = new Cursor(draft.root);
  for (const { above: path, touched } of inTreeOrder(written)) {
    const aboveBefore = was.find(path), above = is.find(path);
    const before = childAt(aboveBefore, touched.path), node = childAt(above, touched.path);
    const merged = { touched, before, node, aboveBefore, above };
    nodes.push(merged);
    if (marks === null) continue;
    // Made again with the node when the snapshot moved on; see refresh.ts.
    if (aboveBefore === null && touched.createdWith === null && node !== null) {
      markMissing(path, was.nearestLength, draft.root, marks);
    }
    mark(merged, path, marks);
  }
  return { draft, accounts, nodes, marks, isShared: false };
}

/** Tells of the node at `path` and those above it, but of that with `length` of its characters, as new. */
function markMissing(path: string, length: number, root: Node, marks: DeferredMarks): void {
  const is = new Cursor(root);
  for (let to = length; to < path.length;) {
    const slash = path.indexOf("/", to + 1);
    to = slash < 0 ? path.length : slash;
    const made = path.slice(0, to);
    marks.changed(made, is.find(made)!, DIRTY_NEW);
  }
}

/** Tells what has become of a node whose parent is at `abovePath`. */
function mark(merged: Merged, abovePath: string, marks: DeferredMarks): void {
  const { above, before, node, touched } = merged;
  const { createdWith, path, permsSet, removed, valueSet } = touched;
  // Its list of children has changed, and so its generation.
  const isListed = removed || createdWith !== null;
  if (isListed && above !== null) marks.changed(abovePath, above, DIRTY_GENERATION);
  if (removed && before !== null) marks.removed(path, before);
  if (node === null) return;
  const isNew = createdWith !== null || before === null ? DIRTY_NEW : 0;
  marks.changed(path, node, isNew | (valueSet ? DIRTY_VALUE : 0) | (permsSet ? DIRTY_PERMS : 0));
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
        // Parents that somebody else has removed meanwhile are made as a write makes them.
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
  return above.children === null
    ? null
    : getChild(above.children, path.slice(path.lastIndexOf("/") + 1));
}
