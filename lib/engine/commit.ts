import { PendingAccounts } from "./accounts.ts";
import { childNames } from "../store/children.ts";
import {
  DeferredMarks,
  DIRTY_GENERATION,
  DIRTY_NEW,
  DIRTY_PERMS,
  DIRTY_VALUE,
} from "../store/dirty_nodes.ts";
import { Draft } from "../store/draft.ts";
import { lookup } from "../store/lookup.ts";
import type { Node, Origin } from "../store/node.ts";
import { parentPath, ROOT_PATH } from "../store/path.ts";
import { equalPerms, formatPerms, isStale, permDomid } from "../store/perms.ts";
import { equalBytes } from "../wire/text.ts";
import { cutForLog } from "./log_budget.ts";
import { SEEN_CHILDREN, SEEN_PERMS, SEEN_VALUE, type Touched } from "./touched.ts";
import type { Transaction } from "./transaction.ts";

/** Why a transaction can't be committed. */
export interface Conflict {
  readonly path: string;
  /** What of the node differs: `existence`, `value`, `permissions` or `children`. */
  readonly facet: string;
  readonly saw: string;
  readonly now: string;
  /** The client that changed it. */
  readonly by: Origin;
}

/** The conflict as one line for the log: without values, which may be secret, or hostile. */
export function explain(conflict: Conflict): string {
  const { path, facet, saw, now, by } = conflict;
  return `${facet} of ${cutForLog(path)}: saw ${saw}, now ${now}, changed by ${by.label}`;
}

/**
 * The first thing the transaction saw that is no longer so, or null. A transaction that wrote
 * nothing is never in conflict: it happened when its snapshot was taken. Grants to the dead are
 * looked for always: a domain that is named nowhere dies without a change to the tree.
 */
export function findConflict(transaction: Transaction, current: Node): Conflict | null {
  if (transaction.written.length === 0) return null;
  return findDeadDomid(transaction) ?? findChange(transaction, current);
}

/** The first thing seen that somebody else has changed, or null. */
export function findChange(transaction: Transaction, current: Node): Conflict | null {
  const base = transaction.base;
  if (base === null || base === current) return null;
  for (const { path, facets } of transaction.touched.values()) {
    if (facets === 0) continue;
    const before = lookup(base, path);
    const now = lookup(current, path);
    if (before === now) continue;
    const facet = differing(before, now, facets);
    if (facet !== null) {
      const by = (now ?? nearest(current, path)).origin;
      return { path, facet, saw: show(before, facet), now: show(now, facet), by };
    }
  }
  return findOtherMaker(transaction, current) ?? findOtherHeir(transaction, current);
}

/**
 * A node written that somebody else has removed, below one whose permissions this transaction
 * set: made again it would inherit the last permissions set, not those of when it was written.
 */
function findOtherHeir(transaction: Transaction, current: Node): Conflict | null {
  if (!transaction.setsPerms) return null;
  for (const { path, createdWith, removed, valueSet } of transaction.written) {
    if (!valueSet || createdWith !== null || removed || lookup(current, path) !== null) continue;
    for (let above = path; above !== ROOT_PATH;) {
      above = parentPath(above);
      if (!transaction.touched.get(above)?.permsSet) continue;
      const by = nearest(current, path).origin;
      return { path, facet: "existence", saw: "a node", now: "no node", by };
    }
  }
  return null;
}

/**
 * A node that both this transaction and somebody else made, with other permissions: what was
 * made below it would have inherited those.
 */
function findOtherMaker(transaction: Transaction, current: Node): Conflict | null {
  for (const { path, createdWith, removed } of transaction.written) {
    if (createdWith === null || removed) continue;
    const now = lookup(current, path);
    if (now === null || equalPerms(now.perms, createdWith)) continue;
    const saw = cutForLog(formatPerms(createdWith));
    const by = now.origin;
    return { path, facet: "permissions", saw, now: cutForLog(formatPerms(now.perms)), by };
  }
  return null;
}

function differing(before: Node | null, now: Node | null, facets: number): string | null {
  if (before === null || now === null) return before === now ? null : "existence";
  if ((facets & SEEN_VALUE) !== 0 && !equalBytes(before.value, now.value)) return "value";
  if ((facets & SEEN_PERMS) !== 0 && !equalPerms(before.perms, now.perms)) return "permissions";
  if ((facets & SEEN_CHILDREN) === 0 || before.children === now.children) return null;
  return equalBytes(childNames(before.children), childNames(now.children)) ? null : "children";
}

function nearest(root: Node, path: string): Node {
  for (let above = parentPath(path);; above = parentPath(above)) {
    const node = lookup(root, above);
    if (node !== null) return node;
  }
}

/** Enough of what was seen to recognise it in a log. */
function show(node: Node | null, facet: string): string {
  if (node === null) return "no node";
  switch (facet) {
    case "existence":
      return "a node";
    case "value":
      return `${node.value.length} bytes`;
    case "permissions":
      return cutForLog(formatPerms(node.perms));
    default:
      return `${node.children?.size ?? 0} children`;
  }
}

/**
 * Permissions set or inherited in the transaction that name a domain which has died since: the
 * next holder of its domid must not get them (XSA-322, XSA-417). An entry that was stale when it
 * was written grants nothing to anybody.
 */
function findDeadDomid({ died, draft, written }: Transaction): Conflict | null {
  // Without a draft it gave values to nodes that are there, and no permissions.
  if (died === null || draft === null) return null;
  for (const { path } of written) {
    const node = lookup(draft.root, path);
    if (node === null) continue;
    const entry = node.perms.find((entry) => !isStale(entry) && died.has(permDomid(entry)));
    if (entry === undefined) continue;
    const dead = `domain ${permDomid(entry)}`;
    const by = { label: `the death of ${dead}` };
    return { path, facet: "permissions", saw: `${dead} alive`, now: "dead", by };
  }
  return null;
}

/** The tree with the transaction's changes merged in, ready to be adopted or dropped. */
export interface Merge {
  readonly draft: Draft;
  readonly accounts: PendingAccounts;
  /** What changes with the adoption of the draft; null where nobody is told. */
  readonly marks: DeferredMarks | null;
}

/**
 * Does again, on the committed tree, what the transaction did. Whatever it saw is still so;
 * what others changed besides stays. Nothing real changes before the draft is adopted.
 */
export function merge(transaction: Transaction, committed: Draft): Merge {
  const { base, draft: own } = transaction;
  if (base === committed.root && own !== null) return unchanged(transaction, own, committed);
  const accounts = new PendingAccounts();
  const marks = committed.marks === null ? null : new DeferredMarks();
  const draft = new Draft(committed.snapshot(), committed.clock, accounts, marks);
  for (const touched of transaction.written) redo(transaction, draft, touched);
  return { draft, accounts, marks };
}

/** Nobody changed anything meanwhile: the transaction's own draft is the merge. */
function unchanged(transaction: Transaction, draft: Draft, committed: Draft): Merge {
  const { accounts } = transaction;
  if (committed.marks === null) return { draft, accounts, marks: null };
  const marks = new DeferredMarks();
  const mark = (path: string, what: number): void => {
    const node = lookup(draft.root, path);
    if (node !== null) marks.changed(path, node, what);
  };
  for (const { path, createdWith, permsSet, removed, valueSet } of transaction.written) {
    const before = removed ? lookup(committed.root, path) : null;
    if (before !== null) marks.removed(path, before);
    const isNew = createdWith === null ? 0 : DIRTY_NEW;
    mark(path, isNew | (valueSet ? DIRTY_VALUE : 0) | (permsSet ? DIRTY_PERMS : 0));
  }
  // Lists of children have changed, and so their generations. Not above, where a parent that is new
  // itself may come behind a child that was removed from it before it was made again.
  for (const { path, createdWith, removed } of transaction.written) {
    if (removed || createdWith !== null) mark(parentPath(path), DIRTY_GENERATION);
  }
  return { draft, accounts, marks };
}

function redo(transaction: Transaction, draft: Draft, touched: Touched): void {
  const { path, permsSet, removed, value, valueSet } = touched;
  const origin = transaction.connection.origin;
  const own = transaction.draft;
  if (own === null) {
    if (lookup(draft.root, path) === null) createMissing(draft, touched, origin);
    return draft.setValue(path, value!, origin);
  }
  const wanted = lookup(own.root, path);
  if (removed && lookup(draft.root, path) !== null) draft.remove(path, origin);
  if (wanted === null) return;
  if (lookup(draft.root, path) === null) createMissing(draft, touched, origin);
  if (valueSet) draft.setValue(path, wanted.value, origin);
  if (permsSet) draft.setPerms(path, wanted.perms, origin);
}

/** Makes the node, and parents that somebody else removed meanwhile as a write makes them. */
function createMissing(draft: Draft, { createdWith, path }: Touched, origin: Origin): void {
  const perms = createdWith ?? nearest(draft.root, path).perms;
  const missing: string[] = [];
  for (let above = parentPath(path); above !== ROOT_PATH; above = parentPath(above)) {
    if (lookup(draft.root, above) !== null) break;
    missing.push(above);
  }
  const inherited = missing.length === 0 ? perms : nearest(draft.root, path).perms;
  while (missing.length > 0) draft.create(missing.pop()!, inherited, origin);
  draft.create(path, perms, origin);
}
