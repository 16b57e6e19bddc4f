/** What `xs top` shows: lines of text for a screen of any size. Pure: tests look at it directly. */
import type { Status } from "../../lib/engine/status.ts";
import type { ConflictStatus } from "../../lib/engine/status_pages.ts";
import { formatDuration } from "../../lib/wire/duration.ts";
import { escapeText } from "../../lib/wire/escape.ts";
import { wrap } from "../help/layout.ts";
import type { Rates } from "./totals.ts";
import { counted } from "../../lib/wire/counted.ts";

export const AXES = ["domains", "processes", "paths"] as const;

export type Axis = typeof AXES[number];

/** A column: its heading, what it shows of a row, and how many characters it takes. */
interface Column {
  readonly heading: string;
  readonly value: (row: Rates) => number | null;
  readonly text?: (row: Rates) => string;
  readonly width: number;
}

const COLUMNS: readonly Column[] = [
  { heading: "READ/S", value: (row) => row.reads, width: 7 },
  { heading: "WRITE/S", value: (row) => row.writes, width: 8 },
  { heading: "EVENT/S", value: (row) => row.events, width: 8 },
  { heading: "ABORT", value: (row) => row.aborts, width: 6 },
  { heading: "CAUSED", value: (row) => row.caused, width: 7 },
  {
    heading: "QUOTA",
    value: (row) => row.quota?.percent ?? null,
    text: (row) => row.quota === null ? "-" : `${row.quota.percent}%`,
    width: 6,
  },
  { heading: "TX/S", value: (row) => row.transactions, width: 6 },
  { heading: "COMMIT", value: (row) => row.commits, width: 7 },
  { heading: "OPEN", value: (row) => row.open, width: 5 },
  { heading: "WATCHES", value: (row) => row.watches, width: 8 },
  { heading: "QUEUED", value: (row) => row.queued, width: 8 },
  { heading: "OTHER/S", value: (row) => row.others, width: 8 },
];

/** Sorted by: all that a row does, or one column. */
export const SORTS: readonly string[] = ["ALL", ...COLUMNS.map(({ heading }) => heading)];

/** Characters that a row's name has at least. */
const NAME_COLUMNS = 28;

/** What the user has chosen. */
export interface View {
  axis: Axis;
  sort: string;
  /** Only rows whose name has this text; while it is typed, `isTyping`. */
  filter: string;
  isTyping: boolean;
  isPaused: boolean;
  isHelp: boolean;
  /** Whether it is printed once: without a line of keys, and no wider than its names need. */
  isPrinted: boolean;
  /** The place of the selected row, -1 for none, and the key of the row that is shown alone. */
  selected: number;
  detail: string | null;
}

export function firstView(axis: Axis): View {
  return {
    axis,
    sort: "ALL",
    filter: "",
    isTyping: false,
    isPaused: false,
    isHelp: false,
    isPrinted: false,
    selected: 0,
    detail: null,
  };
}

/** What there is to show. */
export interface Scene {
  readonly status: Status;
  readonly rows: readonly Rates[];
  /** A turn's commit within the last second, on average, in ms; null for none. */
  readonly commitMs: number | null;
  readonly turnsPerSecond: number;
  /** Pairs that made each other's transactions fail, with how often a second. */
  readonly conflicts: readonly (ConflictStatus & { readonly perSecond: number })[];
  readonly lost: number;
}

function everything(row: Rates): number {
  return row.reads + row.writes + row.transactions + row.others + row.events;
}

/** The rows that are wanted, in their order. */
export function chosenRows(rows: readonly Rates[], { filter, sort }: View): Rates[] {
  const column = COLUMNS.find(({ heading }) => heading === sort);
  const by = (row: Rates): number =>
    column === undefined ? everything(row) : column.value(row) ?? -1;
  return rows.filter(({ name }) => name.includes(filter))
    .sort((a, b) => by(b) - by(a) || (a.name < b.name ? -1 : 1));
}

/** The lines of a screen. */
export function screenLines(scene: Scene, view: View, columns: number, lines: number): string[] {
  const head = headLines(scene, view).flatMap((line) => wrap(line, columns));
  if (view.isPrinted) {
    const table = tableLines(scene, view, columns, Math.max(0, lines - head.length));
    return [...head, ...table].map((line) => cut(line.trimEnd(), columns));
  }
  const body = view.isHelp
    ? HELP.flatMap(([keys, text]) => helpLines(keys, text, columns))
    : view.detail !== null
    ? detailLines(scene, view.detail)
    : tableLines(scene, view, columns, Math.max(0, lines - head.length - 1));
  const foot = view.isTyping
    ? `/${view.filter}_`
    : view.isHelp || view.detail !== null
    ? "Esc back  q quit"
    : `a axis  s sort (${view.sort})  / filter${view.filter === "" ? "" : ` (${view.filter})`}  ` +
      "Enter one row  p pause  ? help  q quit";
  const shown = [...head, ...body].slice(0, Math.max(0, lines - 1));
  while (shown.length < lines - 1) shown.push("");
  return [...shown, foot].map((line) => cut(line, columns)).slice(0, lines);
}

function headLines(
  { commitMs, conflicts, lost, status, turnsPerSecond }: Scene,
  view: View,
): string[] {
  const { counts, memory, uptimeMs, version, work } = status;
  const uptime = formatDuration(Math.floor(uptimeMs / 1_000) * 1_000);
  const ms = (value: number | null): string => value === null ? "-" : `${round(value)} ms`;
  const lines = [
    `xs ${version}, up ${uptime}: ${work.requestsPerSecond} requests/s, ${
      rate(turnsPerSecond)
    } turns/s, ` +
    `commit ${ms(commitMs)}, answers ${ms(work.waitP50Ms)} (half) ${ms(work.waitP99Ms)} (99 %)`,
    `${counted(counts.nodes, "node")}, ${counted(counts.domains, "domain")}, ${
      counted(counts.clients, "client")
    }, ${counted(counts.watches, "watch")}, ` +
    `${counted(counts.transactions, "transaction")}, memory ${mebibytes(memory.resident)} MiB` +
    (lost === 0 ? "" : `, ${counted(lost, "message")} lost`),
  ];
  for (const { by, loser, path, perSecond } of conflicts.slice(0, 2)) {
    lines.push(
      `conflict: ${escapeText(by)} makes ${escapeText(loser)} fail, ${rate(perSecond)}/s, at ${
        escapeText(path)
      }`,
    );
  }
  return [...lines, `by ${view.axis}${view.isPaused ? ", PAUSED" : ""}`];
}

function tableLines(scene: Scene, view: View, columns: number, lines: number): string[] {
  const shown = columnsFor(columns);
  const room = Math.max(8, columns - shown.reduce((sum, { width }) => sum + width, 0));
  const rows = chosenRows(scene.rows, view);
  const longest = rows.slice(0, lines).reduce((most, { name }) => Math.max(most, name.length), 0);
  const nameWidth = view.isPrinted ? Math.min(room, Math.max(NAME_COLUMNS, longest + 2)) : room;
  const from = Math.max(0, Math.min(view.selected - lines + 2, rows.length - lines + 1));
  const heading = view.axis.toUpperCase().padEnd(nameWidth) +
    shown.map(({ heading, width }) => heading.padStart(width)).join("");
  return [
    heading,
    ...rows.slice(from, from + Math.max(0, lines - 1)).map((row, i) => {
      const mark = from + i === view.selected ? ">" : " ";
      const name = `${mark}${row.name}`;
      return fit(name, nameWidth) + shown.map((column) => cellOf(column, row)).join("");
    }),
  ];
}

/** As many columns as leave room for names. */
function columnsFor(columns: number): Column[] {
  let room = columns - NAME_COLUMNS;
  return COLUMNS.filter(({ width }) => (room -= width) >= 0);
}

function cellOf({ text, value, width }: Column, row: Rates): string {
  const found = value(row);
  return (text?.(row) ?? (found === null ? "-" : rate(found))).padStart(width);
}

function detailLines({ rows }: Scene, key: string): string[] {
  const row = rows.find((other) => other.key === key);
  if (row === undefined) return ["it is gone"];
  const kinds = [...row.requests].sort((a, b) => b[1] - a[1]);
  const width = 24;
  return [
    row.name,
    "",
    ...kinds.map(([kind, count]) => `${kind.padEnd(width)}${rate(count).padStart(9)} /s`),
    `${"event".padEnd(width)}${rate(row.events).padStart(9)} /s`,
    `${"committed".padEnd(width)}${rate(row.commits).padStart(9)} /s`,
    `${"made to fail by others".padEnd(width)}${rate(row.aborts).padStart(9)} /s`,
    `${"others made to fail".padEnd(width)}${rate(row.caused).padStart(9)} /s`,
    ...(row.open === null
      ? []
      : [`${"open transactions".padEnd(width)}${`${row.open}`.padStart(9)}`]),
    ...(row.watches === null ? [] : [`${"watches".padEnd(width)}${`${row.watches}`.padStart(9)}`]),
    ...(row.queued === null
      ? []
      : [`${"bytes queued".padEnd(width)}${`${row.queued}`.padStart(9)}`]),
    ...(row.quota === null
      ? []
      : [`${`quota ${row.quota.name}`.padEnd(width)}${`${row.quota.percent}%`.padStart(9)}`]),
  ];
}

const HELP: readonly (readonly [keys: string, text: string])[] = [
  ["a, Tab", "the next axis: domains, processes, paths (* stands for numbers and UUIDs)"],
  ["s, S", "sort by the next column, by the one before"],
  ["/", "show only rows whose name has the text that follows; Enter keeps it, Esc drops it"],
  ["up, down", "select a row (also j, k); PgUp, PgDn by ten"],
  ["Enter", "show the selected row alone, with all its kinds of requests"],
  ["p", "pause, and go on"],
  ["q, Ctrl-C", "quit"],
  ["ABORT", "commits of this row that others made fail"],
  ["CAUSED", "commits of others that this row made fail"],
  ["QUOTA", "the most used quota of a domain, in percent of its limit"],
  ["WATCHES", "watches of this row; by paths: watches on them or above, which hear of a change"],
  ["-", "unknown on this axis"],
  [
    "",
    "The daemon counts domains itself; other axes use a trace (xs help trace).",
  ],
];

const KEYS_COLUMNS = 11;

function helpLines(keys: string, text: string, columns: number): string[] {
  const lines = wrap(text, Math.max(20, columns - KEYS_COLUMNS));
  return lines.map((line, i) => `${(i === 0 ? keys : "").padEnd(KEYS_COLUMNS)}${line}`);
}

/** A figure a second: one decimal where it is small. */
export function rate(value: number): string {
  if (value === 0 || value >= 100 || Number.isInteger(value)) return `${Math.round(value)}`;
  return value.toFixed(1);
}

function round(ms: number): string {
  return `${Math.round(ms * 1_000) / 1_000}`;
}

function mebibytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(0);
}

function fit(text: string, width: number): string {
  return text.length < width ? text.padEnd(width) : `${text.slice(0, width - 2)}~ `;
}

function cut(line: string, columns: number): string {
  return line.length <= columns ? line : line.slice(0, columns);
}
