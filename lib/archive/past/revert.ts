/** Undoes one commit, if what it left is still so. */
import { orNull } from "../../client/error.ts";
import type { Operations } from "../../client/operations.ts";
import { inTransaction } from "../../client/transaction.ts";
import type { RecordAnswer } from "../../history/answers.ts";
import type { LogFilter } from "../../history/log_filter.ts";
import { ALL_RECORDS, lastChangeOf } from "../../history/query.ts";
import type { Change, Commit, NodeState } from "../../history/record.ts";
import { whoText } from "../../history/text.ts";
import { childPath, parentPath } from "../../store/path.ts";
import { formatPerm, isStale, permDomid } from "../../store/perms.ts";
import { equalBytes } from "../../wire/text.ts";
import { ArchiveError } from "../archive.ts";
import { askWhole, type HistorySource } from "./history_source.ts";

/** A node as a daemon takes it: nothing of it is hidden. */
interface WholeNode {
  readonly value: Uint8Array;
  readonly perms: readonly string[];
}

/** What is to be undone at one path. */
export interface Undo {
  readonly path: string;
  /** What has to be there; null for nothing. */
  readonly from: WholeNode | null;
  /** What is to be there again. */
  readonly to: WholeNode | null;
}

/** What undoes a commit, and what of it is not so any more. */
export interface Revert {
  readonly number: number;
  readonly undo: readonly Undo[];
  readonly changes: readonly Change[];
}

/** Kinds of commits that did what a client can do. */
const UNDOABLE: ReadonlySet<string> = new Set([
  "write",
  "mkdir",
  "rm",
  "set-perms",
  "transaction",
  "request",
]);

/**
 * What undoes a commit.
 *
 * @throws {ArchiveError} when it cannot be undone, whatever the store has.
 */
export async function planRevert(
  source: HistorySource,
  answers: readonly RecordAnswer[],
  number: number,
): Promise<Revert> {
  const refuse = (text: string): ArchiveError => new ArchiveError(text, `#${number}`);
  const parts = answers.filter(({ role }) => role === "asked").map(({ record }) => record);
  const commits = parts.filter((record) => record.type === "commit");
  if (commits.length !== parts.length) throw refuse("it is no commit, so it changed nothing");
  const why = whyNot(answers, commits);
  if (why !== null) throw refuse(why);
  const changes = commits.flatMap((commit) => commit.changes);
  const gone = await deadSince(source, number);
  const undo = changes.map((change): Undo => {
    const to = wholeNode(change.old, change.path);
    for (const entry of change.old?.perms ?? []) {
      if (isStale(entry) || gone.has(permDomid(entry))) {
        const domid = permDomid(entry);
        throw refuse(`the permissions of ${change.path} name domain ${domid}, which is gone`);
      }
    }
    return { path: change.path, from: wholeNode(change.new, change.path), to };
  });
  return { number, undo, changes };
}

function whyNot(answers: readonly RecordAnswer[], commits: readonly Commit[]): string | null {
  const [first] = commits;
  const isPart = answers.some(({ role }) => role === "later") ||
    commits.some(({ changes, moved }) => moved > 0 || changes.some(({ count }) => count > 1));
  if (first === undefined || isPart) return "parts of it were folded or pruned";
  if (!UNDOABLE.has(first.kind)) return `it cannot be undone (a commit of kind ${first.kind})`;
  return commits.every(({ changes }) => changes.length === 0) ? "it changed no node" : null;
}

/** @throws {ArchiveError} when the value is not known. */
function wholeNode(node: NodeState | null, path: string): WholeNode | null {
  if (node === null) return null;
  const { perms, value } = node;
  if (value instanceof Uint8Array) return { value, perms: perms.map(formatPerm) };
  const why = value.isLeftOut === true
    ? "the history has left out its value, since the commit was too large"
    : "its value is hidden in the history";
  throw new ArchiveError(`${why}, so it cannot be restored`, path);
}

/** Domains that have died since: their numbers may be those of others by now. */
async function deadSince(source: HistorySource, number: number): Promise<ReadonlySet<number>> {
  const filter: LogFilter = { since: number + 1, kind: "death" };
  const { answers } = await askWhole(source, { ...ALL_RECORDS, filter });
  const gone = new Set<number>();
  for (const answer of answers) {
    if (answer.type !== "record" || answer.record.type !== "commit") continue;
    // What stands in parentheses is a guest's name for itself, and says nothing.
    const detail = answer.record.detail.replace(/\([^)]*\)/g, "");
    for (const [, domid] of detail.matchAll(/\bdomain (\d+)\b/g)) {
      gone.add(Number(domid));
    }
  }
  return gone;
}

/** Something is not as the commit left it. */
export class ChangedError extends ArchiveError {
  constructor(path: string, what: string) {
    super(what, path);
  }
}

/**
 * Undoes a commit in one transaction; with `dryRun` only sees whether that could be done.
 *
 * @throws {ChangedError} when something has changed since, {@link XenstoreError} from the daemon.
 */
export async function revert(
  nodes: Operations,
  { undo }: Revert,
  dryRun: boolean,
): Promise<void> {
  if (!dryRun) {
    return await inTransaction(nodes, async (inside) => {
      await check(inside, undo);
      await apply(inside, undo);
    });
  }
  const inside = await nodes.begin();
  try {
    await check(inside, undo);
  } finally {
    await inside.end(false);
  }
}

async function check(nodes: Operations, undo: readonly Undo[]): Promise<void> {
  const created = new Set(undo.filter(({ to }) => to === null).map(({ path }) => path));
  const restored = new Set(undo.filter(({ from }) => from === null).map(({ path }) => path));
  for (const { from, path, to } of undo) {
    if (!isSame(await lookAt(nodes, path), from)) {
      throw new ChangedError(path, from === null ? "it is there again" : "it has changed since");
    }
    if (to === null) {
      const child = (await nodes.directory(path)).map((name) => childPath(path, name))
        .find((child) => !created.has(child));
      if (child !== undefined) {
        throw new ChangedError(child, "it was made since, below what was made");
      }
    }
    const parent = parentPath(path);
    if (from === null && !restored.has(parent) && await lookAt(nodes, parent) === null) {
      throw new ChangedError(parent, "it is gone, and would have to be made");
    }
  }
}

function isSame(a: WholeNode | null, b: WholeNode | null): boolean {
  if (a === null || b === null) return a === b;
  return equalBytes(a.value, b.value) && a.perms.join() === b.perms.join();
}

async function lookAt(nodes: Operations, path: string): Promise<WholeNode | null> {
  const found = await orNull(Promise.all([nodes.read(path), nodes.getPerms(path)]));
  return found === null ? null : { value: found[0], perms: found[1] };
}

/** Parents are made before their children, and removed after them. */
async function apply(nodes: Operations, undo: readonly Undo[]): Promise<void> {
  const down = [...undo].sort((a, b) => a.path < b.path ? -1 : 1);
  for (const { path, to } of down.toReversed()) if (to === null) await nodes.rm(path);
  for (const { from, path, to } of down) {
    if (to === null) continue;
    if (from === null || !equalBytes(from.value, to.value)) await nodes.write(path, to.value);
    if (from === null || from.perms.join() !== to.perms.join()) {
      await nodes.setPerms(path, to.perms);
    }
  }
}

/** Who changed a path last, as far as the history knows: a part of a sentence. */
export async function lastChange(source: HistorySource, path: string): Promise<string> {
  const [answer] = (await askWhole(source, lastChangeOf(path))).answers;
  if (answer?.type !== "record" || answer.record.type !== "commit") return "";
  return `, by ${whoText(answer.record.author)} in #${answer.record.number}`;
}
