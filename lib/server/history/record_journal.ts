import type { Clock } from "../../clock.ts";
import type { Journal } from "../../journal/journal.ts";
import { Redaction } from "../../store/redaction.ts";
import { budgeted } from "../logging/daemon_log_budget.ts";
import type { Log } from "../logging/log.ts";
import type { DaemonHistory } from "./daemon_history.ts";
import { type HistoryChoice, usualHistory } from "./history_file.ts";
import { HistoryKeeper } from "./history_keeper.ts";

/** What of a daemon's options is about its history. */
interface HistoryOptions {
  /** As much as is usual unless given. */
  readonly history?: HistoryChoice | "off";
  /** Patterns of paths whose values are hidden, besides the usual ones. */
  readonly redact?: readonly string[];
  readonly clock: Clock;
}

/** A journal, and what records the history of its store, if that is wanted. */
export interface RecordedJournal {
  readonly journal: Journal;
  readonly history: DaemonHistory | null;
}

/** Tells a journal which values are hidden, and has its store recorded; `place` is where its file is, if it has one. */
export function recordJournal(
  journal: Journal,
  place: string,
  { clock, history, redact }: HistoryOptions,
  log: Log,
): RecordedJournal {
  const redaction = journal.redaction = new Redaction(redact);
  if (history === "off") return { journal, history: null };
  const store = journal.about === null ? null : place;
  const choice = history ?? usualHistory(store);
  const parts = { choice, journal, store, redaction, log: budgeted(log, clock), clock };
  return { journal, history: new HistoryKeeper(parts) };
}
