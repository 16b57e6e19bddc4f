import { type Operations, toByteText } from "../../lib/client/operations.ts";
import { processName } from "../../lib/client/trace/entry_text.ts";
import type { EntryRow, WatchRow, WhoRow } from "../../lib/engine/who.ts";
import { WHO_COUNT_MS, WHO_ROWS_MAX } from "../../lib/limits.ts";
import { escapeBytes, escapeText } from "../../lib/wire/escape.ts";
import { type BytesJson, bytesOfJson, jsonText } from "../../lib/wire/json.ts";
import { toText } from "../../lib/wire/text.ts";
import type { CommonFlags, XsContext } from "../context.ts";
import { domainTitle } from "../domain_word.ts";
import { printJson } from "../json.ts";
import { tableLines } from "../table.ts";
import { changeJson, changeText, lastChange } from "./last_change.ts";
import { countEvents } from "./count_events.ts";
import { readRows } from "./read_pages.ts";

/** The options of `xs who`. */
export interface WhoFlags extends CommonFlags {
  readonly watchers?: boolean;
  readonly number?: number;
  /** In ms. */
  readonly for?: number;
}

/** Prints who owns a node, may use it, and hears of it. */
export async function who(
  { shell }: XsContext,
  nodes: Operations,
  flags: WhoFlags,
  path: string,
): Promise<void> {
  const most = flags.number ?? WHO_ROWS_MAX;
  const isWatch = (row: WhoRow): row is WatchRow => row.kind === "watch";
  const { rows, isCut } = await readRows<WhoRow>(
    nodes,
    ["who", path],
    (so) => so.filter(isWatch).length < most,
  );
  const all = rows.filter(isWatch), watches = all.slice(0, most);
  const isMore = isCut || all.length > most;
  const ms = flags.for ?? WHO_COUNT_MS;
  const counts = watches.length === 0 || ms === 0
    ? null
    : await countEvents(shell, flags, path, ms);
  const rateOf = ({ connection, token }: WatchRow): number | null =>
    counts === null ? null : (counts.get(`${connection}\0${bytesText(token)}`) ?? 0) * 1_000 / ms;
  const change = flags.watchers === true ? null : await lastChange(nodes, path);
  const { stdout } = shell;
  if (flags.json === true) {
    for (const row of rows) {
      if (row.kind === "watch") continue;
      if (flags.watchers !== true) printJson(stdout, row);
    }
    if (change !== null) printJson(stdout, changeJson(change));
    for (const watch of watches) printJson(stdout, { ...watch, eventsPerSecond: rateOf(watch) });
    if (isMore) printJson(stdout, { kind: "more" });
    return;
  }
  const lines = flags.watchers === true ? [] : rightsLines(path, rows);
  if (change !== null) lines.push(`  ${changeText(change, nodes)}`);
  lines.push(...watchLines(watches, rateOf));
  if (isMore) lines.push(`... and more (-n sets how many; ${most} are shown)`);
  stdout.write(toByteText(lines.map((line) => `${line}\n`).join("")));
}

function rightsLines(path: string, rows: readonly WhoRow[]): string[] {
  const lines: string[] = [];
  for (const row of rows) {
    if (row.kind === "node") {
      lines.push(
        row.exists
          ? escapeBytes(path)
          : `${escapeBytes(path)} does not exist; ${
            escapeBytes(row.path)
          } decides who may create it`,
      );
    } else if (row.kind === "entry") lines.push(`  ${entryText(row)}`);
  }
  lines.push("  domain 0 and all sockets: everything, by privilege");
  return lines;
}

function entryText({ domid, name, owner, read, stale, write }: EntryRow): string {
  const letter = read ? write ? "b" : "r" : write ? "w" : "n";
  const domain = domainTitle(domid, name);
  const rights = read && write ? "read and write" : read ? "read" : write ? "write" : "nothing";
  if (owner) {
    return `${domain}: everything, as owner; all others: ${rights}, by entry ${letter}${domid}`;
  }
  const but = stale ? ", but the entry is older than this domain and has no effect" : "";
  return `${domain}: ${rights}, by entry ${letter}${domid}${but}`;
}

const HEADINGS = ["where", "client", "events/s", "queued", "path", "token"];

/** The columns of {@link HEADINGS} that are numbers. */
const NUMBERS = new Set([2, 3]);

function watchLines(
  watches: readonly WatchRow[],
  rateOf: (watch: WatchRow) => number | null,
): string[] {
  if (watches.length === 0) return ["no client watches it, its parents or nodes below"];
  const table = watches.map((watch) => {
    const rate = rateOf(watch);
    return [
      watch.where + (watch.hears ? "" : " (may not read it)"),
      clientText(watch),
      rate === null ? "-" : `${Math.round(rate * 10) / 10}`,
      `${watch.queuedBytes}`,
      escapeText(watch.path) + (watch.depth < 0 ? "" : ` (${watch.depth} levels)`),
      jsonText(watch.token),
    ];
  });
  return tableLines(HEADINGS, table, NUMBERS);
}

function clientText({ command, connection, domid, name, pid }: WatchRow): string {
  if (pid === null && command === null) {
    return domainTitle(domid, name);
  }
  const text = command === null ? null : processName(bytesText(command));
  return `${text === null ? "pid" : escapeBytes(text)}[${pid ?? "?"}] #${connection}`;
}

function bytesText(json: BytesJson): string {
  return toText(bytesOfJson(json) ?? new Uint8Array(0));
}
