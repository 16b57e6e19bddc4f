/** Records for people: nothing in them can drive a terminal or forge a line. */
import { authorText } from "../engine/author.ts";
import { HISTORY_VALUE_COLUMNS } from "../limits.ts";
import { hiddenValue } from "../store/redaction.ts";
import { equalPerms, markedPerms, type Perms } from "../store/perms.ts";
import { escapeBytes } from "../wire/escape.ts";
import { toText } from "../wire/text.ts";
import { isUnder } from "./path_set.ts";
import type { Zone } from "./points.ts";
import {
  type Abort,
  type Author,
  type Change,
  type Commit,
  type Gap,
  type HistoryRecord,
  type NodeState,
  sameNode,
} from "./record.ts";
import { counted } from "../wire/counted.ts";

/** Which changes of a commit are of interest. */
export type Picks = (change: Change) => boolean;

const ALL: Picks = () => true;

/** A record as one line: number, time, author, what; of a commit above all the changes that are of interest. */
export function oneLine(record: HistoryRecord, zone: Zone, picks: Picks = ALL): string {
  const head = `#${record.number} ${timeText(record.at, zone)}`;
  const who = record.type === "gap" ? "" : `${whoText(record.author)}: `;
  return `${head} ${who}${whatText(record, picks)}`;
}

/** What a record says was done, without number, time and author. */
export function whatText(record: HistoryRecord, picks: Picks = ALL): string {
  if (record.type === "gap") return gapText(record);
  if (record.type === "commit") return commitText(record, picks);
  return `${abortText(record)}${record.count > 1 ? ` (${record.count} times)` : ""}`;
}

/**
 * A record with all that it changed, old and new, a line each; `-` is what was, `+` what is. The parts behind the first of a
 * commit have no line of their own.
 */
export function* manyLines(
  record: HistoryRecord,
  zone: Zone,
  isFirst: boolean = true,
): Generator<string, void> {
  if (isFirst) yield oneLine(record, zone);
  if (record.type === "gap") {
    for (const { author, count } of record.missing) {
      if (count > 0) yield `  ${count} of ${whoText(author)}`;
    }
    return;
  }
  if (record.type === "abort") return yield* abortLines(record);
  for (const change of record.changes) yield* changeLines(change, zone);
  if (record.moved > 0) yield `  ${record.moved} more, counted in later commits, or pruned`;
  if (record.isKeyframe) yield "  the whole store is recorded as it was afterwards";
}

/** Why a transaction could not be committed. */
function* abortLines({ by, count, facet, first, path, seen, there }: Abort): Generator<string> {
  const name = escapeBytes(path);
  yield `  the transaction saw: ${facet} of ${name}: ${escapeBytes(seen)}`;
  yield `  at its end there was: ${escapeBytes(there)}`;
  if (by !== "") yield `  changed meanwhile by ${escapeBytes(by)}`;
  yield "  so nothing of it was done, and its client was answered EAGAIN (to try it again)";
  if (count > 1) yield `  the same ended ${counted(count, "transaction")} since #${first}`;
}

/** A change as lines. */
export function* changeLines(change: Change, zone: Zone): Generator<string, void> {
  const { count, first, firstAt, new: now, old, path } = change;
  const name = escapeBytes(path);
  if (old !== null) yield `- ${name} = ${nodeText(old, Infinity)}`;
  if (now !== null) yield `+ ${name} = ${nodeText(now, Infinity)}`;
  if (old === null && now === null) yield `  ${name} is not there, before and afterwards`;
  if (count > 1) yield `  ${counted(count, "change")} since #${first} ${timeText(firstAt, zone)}`;
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
  // Of a history whose file was lost nobody knows how much it had.
  const what = count === 0 ? "unknown records are" : counted(count, "record");
  return `gap: ${what} missing, from #${first} on`;
}

function abortText({ facet, operations, path }: Abort): string {
  return `aborted a transaction of ${counted(operations, "request")}: ${facet} of ${
    escapeBytes(path)
  }`;
}

function commitText(commit: Commit, picks: Picks): string {
  const { changes, detail, kind, operations } = commit;
  const what = changes.length === 0 ? "" : changesText(commit, picks);
  const of = kind === "transaction" ? ` of ${counted(operations, "request")},` : "";
  const parts = [detail === "" ? "" : escapeBytes(detail), what].filter((text) => text !== "");
  return `${kind}${of} ${parts.join("; ")}`.replace(/,? $/, "");
}

function changesText(commit: Commit, picks: Picks): string {
  const { changes } = commit, { length } = changes;
  const asked = askedChange(commit), [only, ...others] = changes.filter(picks);
  if (asked !== null && (picks(asked) || others.length !== 0)) {
    const where = commit.kind === "rm" ? "below" : "above";
    const rest = length > 1 ? `, with ${counted(length - 1, "node")} ${where}` : "";
    return `${shortChange(asked)}${rest}`;
  }
  if (only === undefined || others.length > 0) return counted(length, "path");
  return `${shortChange(only)}${length > 1 ? ` and ${counted(length - 1, "path")} more` : ""}`;
}

/** What a request named, where all else in the commit follows from that: nodes above it that were missing, or all below it. */
export function askedChange({ changes, kind }: Commit): Change | null {
  const lengths = changes.map(({ path }) => path.length);
  if (kind === "rm") {
    const top = changes[lengths.indexOf(Math.min(...lengths))];
    return top !== undefined && changes.every(({ path }) => isUnder(path, top.path)) ? top : null;
  }
  if (kind !== "write" && kind !== "mkdir") return null;
  const asked = changes[lengths.indexOf(Math.max(...lengths))];
  return asked !== undefined && changes.every(({ path }) => isUnder(asked.path, path))
    ? asked
    : null;
}

/** A change on one line, its values cut: of a node that was there, only what is not the same. */
export function shortChange({ count, new: now, old, path }: Change): string {
  const name = escapeBytes(path), times = count > 1 ? ` (${counted(count, "change")})` : "";
  return `${name} ${whatChanged(old, now)}${times}`;
}

function whatChanged(old: NodeState | null, now: NodeState | null): string {
  if (now === null) return "removed";
  if (old === null) return `= ${nodeText(now, HISTORY_VALUE_COLUMNS)}`;
  const hasValue = !sameNode(old, { ...now, perms: old.perms });
  const hasPerms = !equalPerms(old.perms, now.perms);
  const show = (node: NodeState): string =>
    hasPerms && hasValue
      ? nodeText(node, HISTORY_VALUE_COLUMNS)
      : hasPerms
      ? `(${permsText(node.perms)})`
      : valueText(node.value, HISTORY_VALUE_COLUMNS);
  return hasPerms || hasValue ? `${show(old)} -> ${show(now)}` : `= ${show(now)} as before`;
}

/** Value and permissions; of a value at most so many characters. */
export function nodeText({ perms, value }: NodeState, most: number): string {
  return `${valueText(value, most)} (${permsText(perms)})`;
}

/** A value; at most so many bytes of it. */
export function valueText(value: NodeState["value"], most: number): string {
  if (!(value instanceof Uint8Array)) {
    return value.isLeftOut === true
      ? `<${value.redacted} bytes left out>`
      : hiddenValue(value.redacted);
  }
  if (value.length <= most) return `"${escapeBytes(toText(value))}"`;
  return `"${escapeBytes(toText(value, 0, most))}"... ${value.length} bytes`;
}

function permsText(perms: Perms): string {
  return markedPerms(perms).join(",");
}
