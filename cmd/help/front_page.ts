/** What `xs` and `xs --help` print: all commands on one screen. */
import type { CommandDocs, Group } from "./docs.ts";

/** Characters of a command's line: two columns of commands fit a screen. */
export const BRIEF_COLUMNS = 25;

/** Which groups stand in which column. */
const COLUMNS: readonly (readonly Group[])[] = [
  ["read", "change", "back up"],
  ["debug", "daemon"],
];

const NAME_COLUMNS = 12;
const COLUMN_WIDTH = 2 + NAME_COLUMNS + BRIEF_COLUMNS + 1;

/** What stands above a group. */
export const HEADINGS: Readonly<Record<Group, string>> = {
  "read": "Read and watch",
  "change": "Change",
  "back up": "Back up and look back",
  "debug": "Debug",
  "daemon": "Daemon",
};

/** The front page, from all commands. */
export function frontPage(commands: readonly CommandDocs[]): string {
  const columns = COLUMNS.map((groups) => groups.flatMap((group) => section(group, commands)));
  const height = Math.max(...columns.map((column) => column.length));
  const rows = Array.from(
    { length: height },
    (_, row) => columns.map((lines) => (lines[row] ?? "").padEnd(COLUMN_WIDTH)).join("").trimEnd(),
  );
  return [
    "Usage: xs [--socket PATH] [--timeout DURATION] [--json] COMMAND [ARGUMENT]...",
    "       xs help COMMAND says what a command takes, with examples",
    "",
    ...rows,
    "",
  ].join("\n");
}

function section(group: Group, commands: readonly CommandDocs[]): string[] {
  const lines = commands.filter((docs) => docs.group === group)
    .map(({ brief, name }) => `  ${name.padEnd(NAME_COLUMNS)}${brief}`);
  return lines.length === 0 ? [] : [`${HEADINGS[group]}:`, ...lines];
}
