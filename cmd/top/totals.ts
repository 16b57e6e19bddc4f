/** What `xs top` counts of one domain, one process or one kind of paths. */
import type { MessageType } from "../../lib/wire/message_type.ts";

/** Counts that only rise, and how much there is of things now. */
export interface Totals {
  /** What the row is called; escaped already. */
  name: string;
  /** Requests by `operation result`, such as `read ENOENT`. */
  readonly requests: Map<string, number>;
  events: number;
  commits: number;
  /** Commits that were refused, and refusals of others' commits that this one caused. */
  aborts: number;
  caused: number;
  /** Null where that is not known. */
  open: number | null;
  watches: number | null;
  queued: number | null;
  /** The quota that is used most, in percent of its limit; null for none. */
  quota: { readonly name: string; readonly percent: number } | null;
}

export function emptyTotals(name: string): Totals {
  return {
    name,
    requests: new Map(),
    events: 0,
    commits: 0,
    aborts: 0,
    caused: 0,
    open: null,
    watches: null,
    queued: null,
    quota: null,
  };
}

/** What happens of a row's things a second. */
export interface Rates extends Omit<Totals, "requests"> {
  readonly key: string;
  readonly reads: number;
  readonly writes: number;
  readonly transactions: number;
  readonly others: number;
  /** By `operation result`, those that are not 0. */
  readonly requests: ReadonlyMap<string, number>;
}

type Group = "reads" | "writes" | "transactions" | "others";

const GROUPS: Readonly<Record<string, Group>> = groups({
  reads: ["DIRECTORY", "DIRECTORY_PART", "READ", "GET_PERMS"],
  writes: ["WRITE", "MKDIR", "RM", "SET_PERMS"],
  transactions: ["TRANSACTION_START", "TRANSACTION_END"],
});

function groups(
  members: Partial<Record<Group, readonly (keyof typeof MessageType)[]>>,
): Record<string, Group> {
  const found: Record<string, Group> = {};
  for (const [group, names] of Object.entries(members)) {
    for (const name of names) found[name.toLowerCase()] = group as Group;
  }
  return found;
}

/** How much each row has risen a second between two looks; rows that are new count from 0. */
export function ratesBetween(
  before: ReadonlyMap<string, Totals>,
  now: ReadonlyMap<string, Totals>,
  seconds: number,
): Rates[] {
  return [...now].map(([key, totals]) => {
    const old = before.get(key);
    // A domid, or a pid, that is another's by now begins again.
    const rate = (value: number, was = 0): number => Math.max(0, value - was) / seconds;
    const requests = new Map<string, number>();
    const sums: Record<Group, number> = { reads: 0, writes: 0, transactions: 0, others: 0 };
    for (const [kind, count] of totals.requests) {
      const risen = rate(count, old?.requests.get(kind));
      if (risen === 0) continue;
      requests.set(kind, risen);
      sums[GROUPS[kind.slice(0, kind.indexOf(" "))] ?? "others"] += risen;
    }
    return {
      ...totals,
      ...sums,
      key,
      requests,
      events: rate(totals.events, old?.events),
      commits: rate(totals.commits, old?.commits),
      aborts: rate(totals.aborts, old?.aborts),
      caused: rate(totals.caused, old?.caused),
    };
  });
}
