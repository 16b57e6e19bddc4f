/** Finds since when quotas are nearly reached: it undoes the history's records, the newest first, until they are not. */
import { askWhole, type HistorySource } from "../archive/past/history_source.ts";
import type { Head, RecordAnswer } from "../history/answers.ts";
import type { LogFilter } from "../history/log_filter.ts";
import { ALL_RECORDS } from "../history/query.ts";
import {
  type Change,
  type Commit,
  hasKeyframe,
  type HistoryRecord,
  type NodeState,
} from "../history/record.ts";
import { whoText } from "../history/text.ts";
import { DOCTOR_QUOTA_PERCENT, DOCTOR_RECORDS_MAX } from "../limits.ts";
import { parentPath } from "../store/path.ts";
import { ownerOf } from "../store/perms.ts";
import { type Level, percentOf, PERMS_ENTRY } from "./evidence.ts";

/** When a quota became nearly reached, in ms since 1970. */
export interface Reached {
  /** At the earliest; null for unknown. */
  readonly from: number | null;
  /** At the latest; null for unknown. */
  readonly to: number | null;
  readonly why: string | null;
  readonly commit: number | null;
}

const UNKNOWN: Reached = { from: null, to: null, why: null, commit: null };

/** Whether so much of a quota is used that `xs doctor` says so. */
function isNear(level: Pick<Level, "limit" | "used">): boolean {
  return percentOf(level) >= DOCTOR_QUOTA_PERCENT;
}

/** Something that a quota bounds, as it was at the moment to which the search has come. */
abstract class Bounded {
  used: number;
  limit: number;
  reached: Reached | null = null;

  constructor(readonly quota: string, readonly domid: number, level: Level) {
    this.used = level.used;
    this.limit = level.limit;
  }

  /** How much a change has added. */
  abstract added(change: Change): number;

  /** Undoes a commit; whether the quota was nearly reached before it. */
  undo(changes: readonly Change[]): boolean {
    for (const change of changes) this.used -= this.added(change);
    return isNear(this);
  }

  /** Whether nothing before this commit counts. */
  begins(_commit: Commit): boolean {
    return false;
  }
}

/** The nodes of a domain. */
export class OwnedNodes extends Bounded {
  constructor(level: Level) {
    super("nodes", level.domid, level);
  }

  added({ new: now, old }: Change): number {
    return this.#count(now) - this.#count(old);
  }

  #count(node: NodeState | null): number {
    return node !== null && ownerOf(node.perms) === this.domid ? 1 : 0;
  }

  override begins({ detail, kind }: Commit): boolean {
    return kind === "introduce" && detail.startsWith(`domain ${this.domid}, port`);
  }
}

/** The size of a node, with the names of its children. */
export class NodeSize extends Bounded {
  constructor(readonly path: string, level: Level) {
    super("node-size", level.domid, level);
  }

  added({ new: now, old, path }: Change): number {
    if (path === this.path) return sizeOf(now) - sizeOf(old);
    if (path === "/" || parentPath(path) !== this.path) return 0;
    const bytes = path.length - (this.path === "/" ? 1 : this.path.length + 1) + 1;
    return (now === null ? 0 : bytes) - (old === null ? 0 : bytes);
  }

  /** Patterns for the node and its children. */
  get patterns(): string[] {
    const { path } = this;
    return path === "/" ? ["/*"] : [`${path.slice(0, -1)}?`, `${path}/*`];
  }
}

function sizeOf(node: NodeState | null): number {
  if (node === null) return 0;
  const { perms, value } = node;
  return (value instanceof Uint8Array ? value.length : value.redacted) + PERMS_ENTRY * perms.length;
}

/** A change of a domain's quota. */
interface LimitChange {
  readonly commit: Commit;
  readonly quota: string;
  readonly domid: number;
  readonly old: number;
}

const LIMIT = /(?:^|; )([a-z-]+) of domain (\d+): (\d+), now \d+/g;

/** All changes of quotas, the newest first. */
async function limitChanges(history: HistorySource): Promise<LimitChange[]> {
  const filter: LogFilter = { kind: "quota", aborted: false };
  const { answers } = await askWhole(history, { ...ALL_RECORDS, filter, backwards: true });
  const records = answers.filter((answer): answer is RecordAnswer => answer.type === "record");
  return records.flatMap(({ record }) => {
    if (record.type !== "commit") return [];
    return [...record.detail.matchAll(LIMIT)].map(([, quota = "", domid, old]) => {
      return { commit: record, quota, domid: Number(domid), old: Number(old) };
    });
  });
}

/** Finds since when each of `all` is nearly reached, in the records that the filter takes. */
export async function findReached(
  history: HistorySource,
  all: readonly Bounded[],
  filter: LogFilter,
): Promise<void> {
  if (all.length === 0) return;
  const search = new Search(all, await limitChanges(history));
  const query = { ...ALL_RECORDS, filter: { ...filter, aborted: false }, backwards: true };
  for await (const answer of history.ask(query)) {
    if (answer.type === "head") search.head(answer);
    else if (answer.type === "record") search.undo(answer.record);
    // Nothing says what was changed there.
    if (search.isOver || answer.type === "damage") return search.cut();
  }
  search.end();
}

class Search {
  #open: Bounded[];
  readonly #limits: LimitChange[];
  /** The history is complete after this number, which was given at this time or earlier, in ms since 1970. */
  #completeAfter = Infinity;
  #completeAt = Infinity;
  #records = 0;
  #isCut = false;
  /** The time of the last record that was undone. */
  #at = Infinity;
  #number = Infinity;

  constructor(all: readonly Bounded[], limits: readonly LimitChange[]) {
    this.#open = [...all];
    this.#limits = [...limits];
  }

  get isOver(): boolean {
    return this.#open.length === 0 || this.#isCut || this.#records >= DOCTOR_RECORDS_MAX;
  }

  head({ completeAfter, completeAt }: Head): void {
    this.#completeAfter = completeAfter;
    this.#completeAt = completeAt / 1_000;
  }

  undo(record: HistoryRecord): void {
    this.#records++;
    while (this.#limits.length > 0 && this.#limits[0]!.commit.number > record.number) {
      this.#undoLimit(this.#limits.shift()!);
    }
    this.#at = record.at / 1_000;
    this.#number = record.number;
    if (hasKeyframe(record)) this.#isCut = true;
    else if (record.type === "commit") this.#undoCommit(record);
  }

  #undoCommit(commit: Commit): void {
    this.#open = this.#open.filter((one) => {
      const changes = commit.changes.filter((change) => one.added(change) !== 0);
      const was = one.undo(changes);
      if (was && !one.begins(commit)) return true;
      one.reached = this.#since(commit, changes, was ? "was introduced" : null, one);
      return false;
    });
  }

  #undoLimit({ commit, domid, old, quota }: LimitChange): void {
    this.#open = this.#open.filter((one) => {
      if (one.domid !== domid || one.quota !== quota) return true;
      one.limit = old;
      if (isNear(one)) return true;
      one.reached = this.#since(commit, [], null, one);
      return false;
    });
  }

  #since(
    { at, author, number }: Commit,
    changes: readonly Change[],
    begun: string | null,
    { domid }: Bounded,
  ): Reached {
    const from = changes.reduce((least, { firstAt }) => Math.min(least, firstAt), at) / 1_000;
    // Folded or pruned records may have been later.
    const to = number > this.#completeAfter ? at / 1_000 : Math.max(at / 1_000, this.#completeAt);
    const why = begun === null ? `${whoText(author)} changed it` : `domain ${domid} ${begun}`;
    return { from, to, why, commit: number };
  }

  /** All was read: what is left was so when the history begins. */
  end(): void {
    while (this.#limits.length > 0) this.#undoLimit(this.#limits.shift()!);
    this.#leave(this.#completeAt);
  }

  /** No more can be read: what is left was so behind the last record. */
  cut(): void {
    this.#leave(this.#number > this.#completeAfter ? this.#at : this.#completeAt);
  }

  #leave(to: number): void {
    for (const one of this.#open) {
      one.reached = { ...UNKNOWN, to: to === Infinity ? null : to };
    }
  }
}
