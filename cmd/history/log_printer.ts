import { escapeBytes } from "../../lib/wire/escape.ts";
import { jsonLine } from "../../lib/wire/json.ts";
import type { Damage, Head } from "../../lib/history/answers.ts";
import { recordJson, timeJson } from "../../lib/history/json.ts";
import type { LogMatcher } from "../../lib/history/log_filter.ts";
import { LOCAL_ZONE } from "../../lib/history/points.ts";
import type { HistoryRecord } from "../../lib/history/record.ts";
import { askedChange, oneLine, shortChange, timeText } from "../../lib/history/text.ts";
import { HISTORY_LOG_PATHS } from "../../lib/limits.ts";

/** How `xs log` prints what it is told, as lines. */
export interface LogPrinter {
  /** Since when there is a history; `isCut`: the oldest records that were asked for are not shown. */
  head(head: Head, isCut: boolean): Iterable<string>;
  /** The same after the last record, if records were folded or pruned before they were read. */
  later(head: Head): Iterable<string>;
  record(record: HistoryRecord): Iterable<string>;
  damage(damage: Damage): Iterable<string>;
}

/** How to print. */
export interface LogForm {
  readonly json?: boolean;
  readonly oneline?: boolean;
}

/** The printer for a form; where paths are asked for, `byPath`, only these are of interest. */
export function logPrinter(
  { json, oneline }: LogForm,
  matcher: LogMatcher,
  colour: boolean,
  byPath: boolean,
): LogPrinter {
  if (json === true) return JSON_PRINTER;
  const picks = byPath ? matcher.matchesChange.bind(matcher) : () => true;
  const first = (record: HistoryRecord): string => {
    const line = oneLine(record, LOCAL_ZONE, picks);
    return colour ? line.replace(/^#\d+/, (number) => `\x1b[33m${number}\x1b[0m`) : line;
  };
  const damage = ({ text }: Damage): string[] => [`-- ${escapeBytes(text)}`];
  if (oneline === true) {
    return { damage, head: () => [], later: () => [], record: (record) => [first(record)] };
  }
  return {
    damage,
    head: headLines,
    later: laterLines,
    *record(record): Generator<string, void> {
      yield first(record);
      // Of a start these are what it found, or what each store begins with.
      const isPlain = record.type !== "commit" || record.kind === "start";
      if (isPlain || askedChange(record) !== null) return;
      const changes = record.changes.filter(picks);
      if (changes.length < 2) return;
      for (const change of changes.slice(0, HISTORY_LOG_PATHS)) yield `    ${shortChange(change)}`;
      const more = record.changes.length - Math.min(changes.length, HISTORY_LOG_PATHS);
      if (more > 0) yield `    and ${more} more (xs show ${record.number})`;
    },
  };
}

function* headLines(head: Head, isCut: boolean): Generator<string, void> {
  const { begins, completeAfter, completeAt, number } = head;
  if (isCut || number > completeAfter) return;
  const time = (at: number): string => timeText(at, LOCAL_ZONE);
  const isComplete = completeAfter <= begins.number;
  const begin = `-- the history begins at ${time(begins.at)}, after #${begins.number}`;
  yield isComplete
    ? `${begin}, and is complete`
    : `${begin}; it is complete since ${time(completeAt)}, after #${completeAfter}`;
}

function* laterLines({ completeAfter, completeAt, number }: Head): Generator<string, void> {
  if (number > completeAfter) return;
  const text = "-- older records were folded or pruned while this was read: it is complete since";
  yield `${text} ${timeText(completeAt, LOCAL_ZONE)}, after #${completeAfter}`;
}

function headJson({ begins, completeAfter, completeAt, last }: Head): string[] {
  const complete = { number: completeAfter, at: timeJson(completeAt) };
  const begin = { number: begins.number, at: timeJson(begins.at) };
  return [jsonLine({ type: "history", begins: begin, complete, last })];
}

const JSON_PRINTER: LogPrinter = {
  head: headJson,
  later: headJson,
  record: (record) => [jsonLine(recordJson(record))],
  damage: ({ first, last, text }) => [jsonLine({ type: "damage", first, last, text })],
};
