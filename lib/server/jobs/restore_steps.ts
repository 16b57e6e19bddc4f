import type { RestoreOrder } from "../../engine/daemon_actions.ts";
import type { Connection } from "../../engine/connection.ts";
import { Accounts } from "../../engine/accounts.ts";
import type { State } from "../../engine/state.ts";
import type { Journal } from "../../journal/journal.ts";
import { LEFT_OUT_LINES_MAX, RESTORE_TRIES_MAX } from "../../limits.ts";
import { checkQuotas } from "../../persist/quota_check.ts";
import { type Inherit, restorePart } from "../../persist/restore_domain_part.ts";
import { type CheckedRecords, collect, RecordError } from "../../state/checked_records.ts";
import type { StateRecord } from "../../state/records.ts";
import { Replacement } from "../../persist/restore_whole_store.ts";
import { readRecords } from "../../codec/stream.ts";
import type { JobSteps, Progress, RestoreReport } from "./job.ts";
import { counted } from "../../wire/counted.ts";

/** What is restored into. */
export interface RestoreTarget {
  readonly state: State;
  readonly journal: Journal;
  readonly inherit: Inherit;
}

/** A restore, and its owner. */
export interface RestoreJob extends RestoreTarget {
  readonly by: Connection;
}

/** How far a restore is. */
export interface RestoreProgress extends Progress {
  /** The store has been replaced: it cannot be given up any more. */
  hasTakenEffect: boolean;
}

/**
 * Restores a dump into a living store: read, checked and prepared in slices, then done in one
 * moment or, whatever is wrong, not at all.
 */
export function* restoreSteps(
  { by, inherit, journal, state }: RestoreJob,
  { check, mapping, overQuota }: Omit<RestoreOrder, "bytes">,
  bytes: Uint8Array,
  progress: RestoreProgress,
): JobSteps {
  progress.expected = bytes.length;
  const counted = new Accounts();
  const owner = { versions: state.versions, ledger: counted };
  const all = yield* collect(records(bytes, progress), mapping, owner);
  checkSpace(state);
  if (mapping !== null) {
    const report = restorePart(state, all, mapping, { check, overQuota, inherit });
    if (!check) state.commits?.restored(by, mapping.to);
    return { ...report, leftOut: shorten(report.leftOut) };
  }
  if (!overQuota) checkQuotas(all, state);
  for (let tries = 1;; tries++) {
    const replacement = yield* prepare(
      state,
      journal,
      () => new Replacement(state, all, counted),
      check,
    );
    if (replacement.isCurrent) {
      if (!check) yield* adopt(state, journal, replacement, progress, by);
      return reportOf(all, replacement);
    }
    journal.endStaging(false);
    if (tries === RESTORE_TRIES_MAX) {
      throw new RecordError("domains changed during the preparation: try again");
    }
  }
}

function* records(bytes: Uint8Array, progress: Progress): Generator<StateRecord, void> {
  for (const { offset, record } of readRecords(bytes)) {
    progress.done = offset;
    yield record;
  }
}

/** While there is no space for more, nothing is changed. */
function checkSpace(state: State): void {
  if (state.full) {
    throw new RecordError("the daemon has no space to write to: changes are refused");
  }
}

function* prepare(
  state: State,
  journal: Journal,
  begin: () => Replacement,
  check: boolean,
): Generator<void, Replacement> {
  let ready = false;
  try {
    const replacement = begin();
    const stage = check ? () => {} : journal.stage.bind(journal);
    for (const _ of replacement.prepare(stage)) {
      checkSpace(state);
      yield;
    }
    ready = true;
    return replacement;
  } finally {
    if (!ready) journal.endStaging(false);
  }
}

/** As many lines as a reply has room for. */
function shorten(lines: readonly string[]): readonly string[] {
  if (lines.length <= LEFT_OUT_LINES_MAX) return lines;
  return [
    ...lines.slice(0, LEFT_OUT_LINES_MAX),
    `and ${counted(lines.length - LEFT_OUT_LINES_MAX, "thing")} more`,
  ];
}

function* adopt(
  state: State,
  journal: Journal,
  replacement: Replacement,
  progress: RestoreProgress,
  by: Connection,
): Generator<void, void> {
  progress.hasTakenEffect = true;
  journal.adoptStaged();
  replacement.adopt();
  state.commits?.restored(by, null);
  const nodes = replacement.nodes;
  state.log("info", `the store was replaced by a restored one of ${counted(nodes, "node")}`);
  let heard = false;
  try {
    yield* replacement.announce();
    heard = true;
  } finally {
    journal.endStaging(heard);
  }
}

function reportOf(
  all: CheckedRecords,
  replacement: Replacement,
): RestoreReport & { specials: number } {
  const { nodes } = replacement;
  return { nodes, specials: all.specials.size, leftOut: leftOutOf(all, replacement) };
}

/** What of a whole store belongs to others than its nodes, and cannot be given to the living. */
function leftOutOf(all: CheckedRecords, replacement: Replacement): readonly string[] {
  const lines: string[] = [];
  for (const [domid, count] of replacement.leftOut) {
    lines.push(
      `${
        counted(count, "node")
      } of domain ${domid}, or below: this domain is missing, or another one`,
    );
  }
  const { transactions, watches } = all.held;
  if (watches + transactions > 0) {
    lines.push(
      `${counted(watches, "watch")} and ${counted(transactions, "transaction")} of ${
        counted(all.connections.size, "connection")
      }: ` +
        "clients that are connected now keep their own",
    );
  }
  return shorten(lines);
}
