import { childNames } from "../store/children.ts";
import { Cursor } from "../store/cursor.ts";
import { emptyWalk, lookup, walk } from "../store/lookup.ts";
import { type Node, nodeSize, type Origin } from "../store/node.ts";
import { parentPath, ROOT_PATH } from "../store/path.ts";
import { PathSet } from "../store/path_set.ts";
import { equalPerms, formatPerms, isStale, permDomid } from "../store/perms.ts";
import { equalBytes } from "../wire/text.ts";
import { cutForLog } from "./domain_log_budget.ts";
import type { Merged } from "./merge.ts";
import {
  recallNames,
  SEEN_CHILDREN,
  SEEN_PERMS,
  SEEN_VALUE,
  SORTED_FROM,
  type Touched,
} from "./touched.ts";
import { inPathOrder } from "./touched_nodes.ts";
import type { Transaction } from "./transaction.ts";
import { counted } from "../wire/counted.ts";

/** Why a transaction cannot be committed. */
export interface Conflict {
  readonly path: string;
  /** What of the node differs: `existence`, `value`, `permissions`, `children` or `size`. */
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

/** The first thing seen that another client has changed, or null. */
export function findChange(transaction: Transaction, current: Node): Conflict | null {
  const base = transaction.base;
  if (base === null || base === current) return null;
  return findSeenOtherwise(transaction, base, current) ?? findOtherMaker(transaction, current) ??
    findOtherParent(transaction, current);
}

function findSeenOtherwise(
  { touched }: Transaction,
  base: Node,
  current: Node,
): Conflict | null {
  const findBefore = finder(base, touched.size), findNow = finder(current, touched.size);
  let conflict: Conflict | null = null, first = Infinity;
  for (const seen of inPathOrder(touched)) {
    const { facets, index, path } = seen;
    if (facets === 0 || index > first) continue;
    if (touched.size < SORTED_FROM) recallNames(seen);
    const before = findBefore(path);
    const now = findNow(path);
    if (before === now) continue;
    const facet = differing(before, now, facets);
    if (facet === null) continue;
    const by = (now ?? nearest(current, path)).origin;
    conflict = { path, facet, saw: show(before, facet), now: show(now, facet), by };
    first = index;
  }
  return conflict;
}

/** What finds nodes: for many paths in their order in what they have of their own. */
function finder(root: Node, paths: number): (path: string) => Node | null {
  if (paths < SORTED_FROM) return (path) => lookup(root, path);
  const cursor = new Cursor(root);
  return (path) => cursor.find(path);
}

/**
 * A node written that another client has removed, below one whose permissions this transaction
 * set: made again it would inherit the last permissions set, not those of when it was written.
 */
function findOtherParent(
  { setsPerms, touched, written }: Transaction,
  current: Node,
): Conflict | null {
  if (!setsPerms) return null;
  const find = finder(current, touched.size);
  let tops: PathSet | null = null;
  for (const { path, createdWith, removed, valueSet } of inPathOrder(touched)) {
    if (!valueSet || createdWith !== null || removed || find(path) !== null) continue;
    tops ??= pathsOfPerms(written);
    if (!tops.hasAbove(path) && touched.get(ROOT_PATH)?.permsSet !== true) continue;
    const by = nearest(current, path).origin;
    return { path, facet: "existence", saw: "a node", now: "no node", by };
  }
  return null;
}

/** Where permissions were set, but for the root. */
function pathsOfPerms(written: readonly Touched[]): PathSet {
  const paths = new PathSet();
  for (const { path, permsSet } of written) if (permsSet && path !== ROOT_PATH) paths.add(path);
  return paths;
}

/**
 * A node that both this transaction and another client made, with other permissions: what was
 * made below it would have inherited those. If a reply has told that, it counts even if all is removed since.
 */
function findOtherMaker(transaction: Transaction, current: Node): Conflict | null {
  const { inherited, touched } = transaction;
  const find = finder(current, touched.size);
  for (const { path, createdWith, removed } of inPathOrder(touched)) {
    const seen = inherited === null ? undefined : inherited.get(path);
    const made = seen ?? (removed ? null : createdWith);
    if (made === null) continue;
    const now = find(path);
    if (now === null || equalPerms(now.perms, made)) continue;
    // What it removed with all below, it made in an empty place; what a reply told before that stays so.
    if (seen === undefined && transaction.removedAbove(path)) continue;
    const saw = cutForLog(formatPerms(made));
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

/** What is there of the way to a node that is not. */
function nearest(root: Node, path: string): Node {
  return walk(root, path, emptyWalk(root)).above;
}

/** Enough of what was seen to recognise it in a log. */
function show(node: Node | null, facet: string): string {
  if (node === null) return "no node";
  switch (facet) {
    case "existence":
      return "a node";
    case "value":
      return counted(node.value.length, "byte");
    case "permissions":
      return cutForLog(formatPerms(node.perms));
    default:
      return counted(node.children?.size ?? 0, "child");
  }
}

/**
 * Permissions set or inherited in the transaction that name a domain which has died since: the
 * next holder of its domid must not get them (XSA-322, XSA-417). An entry that was stale when it
 * was written grants nothing to anybody.
 */
function findDeadDomid({ died, draft, touched }: Transaction): Conflict | null {
  // Without a draft it gave values to nodes that are there, and no permissions.
  if (died === null || draft === null) return null;
  const find = finder(draft.root, touched.size);
  for (const { path, written } of inPathOrder(touched)) {
    const node = written ? find(path) : null;
    if (node === null) continue;
    const entry = node.perms.find((entry) => !isStale(entry) && died.has(permDomid(entry)));
    if (entry === undefined) continue;
    const dead = `domain ${permDomid(entry)}`;
    const by = { label: `the death of ${dead}` };
    return { path, facet: "permissions", saw: `${dead} alive`, now: "dead", by };
  }
  return null;
}

/**
 * A node that outgrows its quota only together with what others did to it meanwhile: done again,
 * the transaction would be refused where it makes it grow.
 */
export function findOvergrown(
  nodes: readonly Merged[],
  exceeds: (size: number) => boolean,
): Conflict | null {
  for (const { above, aboveBefore, before, node, touched } of nodes) {
    const found = isOvergrown(before, node, exceeds)
      ? conflictOfSize(touched.path, before, node!)
      : touched.createdWith !== null && isOvergrown(aboveBefore, above, exceeds)
      ? conflictOfSize(parentPath(touched.path), aboveBefore, above!)
      : null;
    if (found !== null) return found;
  }
  return null;
}

function isOvergrown(
  before: Node | null,
  node: Node | null,
  exceeds: (size: number) => boolean,
): boolean {
  if (node === null) return false;
  const size = nodeSize(node);
  return (before === null || nodeSize(before) < size) && exceeds(size);
}

function conflictOfSize(path: string, before: Node | null, node: Node): Conflict {
  const by = (before ?? node).origin;
  return { path, facet: "size", saw: "room", now: counted(nodeSize(node), "byte"), by };
}
