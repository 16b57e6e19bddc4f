/** Records for people: nothing in them can drive a terminal or forge a line. */
import { authorText } from "../engine/author.ts";
import { HISTORY_VALUE_COLUMNS } from "../limits.ts";
import { hiddenValue } from "../store/redaction.ts";
import { formatPerm, isStale, type Perms } from "../store/perms.ts";
import { escapeBytes } from "../wire/escape.ts";
import { toText } from "../wire/text.ts";
import type { Zone } from "./points.ts";
import type { Abort, Author, Change, Commit, Gap, HistoryRecord, NodeState } from "./record.ts";

/** A record as one line: number, time, author, what. */
export function oneLine(record: HistoryRecord, zone: Zone): string {
  const head = `#${record.number} ${timeText(record.at, zone)}`;
  if (record.type === "gap") return `${head} ${gapText(record)}`;
  const { author, count } = { count: 1, ...record };
  const what = record.type === "abort" ? abortText(record) : commitText(record);
  return `${head} ${whoText(author)}: ${what}${count > 1 ? ` (${count} times)` : ""}`;
}

/** A record with all that it changed, old and new, a line each; `-` is what was, `+` what is. */
export function* manyLines(record: HistoryRecord, zone: Zone): Generator<string, void> {
  yield oneLine(record, zone);
  if (record.type === "gap") {
    for (const { author, count } of record.missing) yield `  ${count} of ${whoText(author)}`;
    return;
  }
  if (record.type === "abort") {
    yield `  saw ${escapeBytes(record.seen)}, found ${escapeBytes(record.there)}`;
    if (record.by !== "") yield `  changed by ${escapeBytes(record.by)}`;
    return;
  }
  for (const change of record.changes) yield* changeLines(change, zone);
  if (record.moved > 0) yield `  ${record.moved} more are counted in later commits, or pruned`;
  if (record.isKeyframe) yield "  the whole store is kept as it was afterwards";
}

/** A change as lines. */
export function* changeLines(change: Change, zone: Zone): Generator<string, void> {
  const { count, first, firstAt, new: now, old, path } = change;
  const name = escapeBytes(path);
  if (old !== null) yield `- ${name} = ${nodeText(old, Infinity)}`;
  if (now !== null) yield `+ ${name} = ${nodeText(now, Infinity)}`;
  if (old === null && now === null) yield `  ${name} is not there, before and afterwards`;
  if (count > 1) yield `  ${count} changes since #${first} ${timeText(firstAt, zone)}`;
}

/** Who it was, where records of authors may have been pruned. */
export function whoText(author: Author): string {
  return author.kind === "pruned" ? "authors that were pruned" : authorText(author);
}

/** A time to the millisecond, in a zone, with its day. */
export function timeText(at: number, zone: Zone): string {
  const ms = Math.floor(at / 1_000), day = zone.dayOf(ms);
  const ofDay = ms - zone.instant(day, 0);
  const two = (number: number): string => `${number}`.padStart(2, "0");
  const date = [`${day.year}`.padStart(4, "0"), two(day.month), two(day.day)].join("-");
  const [hours, minutes] = [Math.floor(ofDay / 3_600_000), Math.floor(ofDay / 60_000) % 60];
  const seconds = `${two(Math.floor(ofDay / 1_000) % 60)}.${`${ofDay % 1_000}`.padStart(3, "0")}`;
  return `${date} ${two(hours)}:${two(minutes)}:${seconds}`;
}

function gapText({ first, missing }: Gap): string {
  const count = missing.reduce((sum, one) => sum + one.count, 0);
  return `gap: ${count} records are missing, from #${first} on`;
}

function abortText({ facet, operations, path }: Abort): string {
  return `aborted a transaction of ${operations} requests: ${facet} of ${escapeBytes(path)}`;
}

function commitText({ changes, detail, kind, operations }: Commit): string {
  const [only] = changes;
  const what = changes.length === 1 ? shortChange(only!) : `${changes.length} paths`;
  const of = kind === "transaction" ? ` of ${operations} requests` : "";
  const parts = [detail === "" ? "" : escapeBytes(detail), changes.length === 0 ? "" : what]
    .filter((text) => text !== "").join("; ");
  return `${kind}${of}${parts === "" ? "" : ` ${parts}`}`;
}

function shortChange({ count, new: now, old, path }: Change): string {
  const name = escapeBytes(path), times = count > 1 ? ` (${count} changes)` : "";
  if (now === null) return `${name} removed${times}`;
  const before = old === null ? "" : `${nodeText(old, HISTORY_VALUE_COLUMNS)} -> `;
  return `${name} ${before}${nodeText(now, HISTORY_VALUE_COLUMNS)}${times}`;
}

/** Value and permissions; of a value at most so many characters. */
function nodeText({ perms, value }: NodeState, most: number): string {
  return `${valueText(value, most)} (${permsText(perms)})`;
}

function valueText(value: NodeState["value"], most: number): string {
  if (!(value instanceof Uint8Array)) return hiddenValue(value.redacted);
  if (value.length <= most) return `"${escapeBytes(toText(value))}"`;
  return `"${escapeBytes(toText(value, 0, most))}"... ${value.length} bytes`;
}

/** A stale entry is marked: it says something, but grants nothing. */
function permsText(perms: Perms): string {
  return perms.map((entry) => `${formatPerm(entry)}${isStale(entry) ? " stale" : ""}`).join(",");
}
