/** Every help page and every text about a wrong command line, as snapshots; and what holds for all. */
import { assert, assertEquals } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import type { XsCommand } from "../../cmd/command.ts";
import { commands } from "../../cmd/command_list.ts";
import { type Flag, kebab, optionRows, type Parameters } from "../../cmd/help/command_page.ts";
import { type CommandDocs, GROUPS } from "../../cmd/help/docs.ts";
import { BRIEF_COLUMNS, frontPage } from "../../cmd/help/front_page.ts";
import { PAGE_COLUMNS } from "../../cmd/help/layout.ts";
import { fakeShell } from "../support/fake_shell.ts";
import { assertSnapshot } from "../support/snapshot.ts";

/** A screen, as old as terminals. */
const SCREEN_LINES = 24;

/** Words of the library for the command line. */
const FOREIGN =
  /No alias|registered|Failed to parse|Expected |at least \d|argument\(s\)|flag|FLAGS|USAGE|Unexpected/;

async function xs(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const shell = fakeShell(args);
  const status = await runApp(shell);
  return { status, ...shell.printed };
}

function snapshot(name: string): URL {
  return new URL(`snapshots/${name}.txt`, import.meta.url);
}

function parametersOf(command: XsCommand): Parameters {
  return command.parameters as Parameters;
}

function assertPage(page: string): void {
  for (const line of page.split("\n")) {
    assert(line.length <= PAGE_COLUMNS, `wider than ${PAGE_COLUMNS}: ${line}`);
    assertEquals(line, line.trimEnd(), "blanks at the end");
  }
  assert(!FOREIGN.test(page), `a word of the library's: ${FOREIGN.exec(page)}`);
}

Deno.test("xs and xs --help fit a screen and name every command", async () => {
  const { out, status } = await xs("--help");
  assertEquals(status, 0);
  assertPage(out);
  const lines = out.split("\n").length - 1;
  assert(lines <= SCREEN_LINES, `${lines} lines: a screen has ${SCREEN_LINES}`);
  for (const { docs } of commands) assert(out.includes(`  ${docs.name} `), docs.name);
  for (const same of [[], ["help"], ["help", "help"]]) assertEquals((await xs(...same)).out, out);
  await assertSnapshot(snapshot("help/xs"), out);
});

Deno.test("the front page shows every group", () => {
  const docs = GROUPS.map((group): CommandDocs => {
    const name = `c-${group.replace(" ", "-")}`;
    return { name, group, brief: "do something", description: [], examples: [] };
  });
  const page = frontPage(docs);
  for (const { name } of docs) assert(page.includes(`  ${name}`), `${name}: ${page}`);
});

/** What is wrong with an example's words, or null. */
function wrongInExample(line: string, name: string, command: XsCommand): string | null {
  const known = optionRows(parametersOf(command)).flatMap(({ typed }) =>
    typed.match(/--?[\w-]+/g)!
  );
  const words = line.split(/ +/);
  if (!words.includes(name)) return `names no ${name}`;
  // Behind the name of CONTROL's command, and behind --, all words are others'.
  const end = words.indexOf("--");
  const own = name === "control" ? [] : words.slice(0, end < 0 ? words.length : end);
  const global = ["--socket", "--timeout", "--json"];
  const options = own.filter((word) => /^--?[a-z]/i.test(word)).map((word) => word.split("=")[0]!);
  const odd = options.find((word) => !known.includes(word) && !global.includes(word));
  return odd === undefined ? null : `${odd} is no option of it`;
}

for (const command of commands) {
  const { docs } = command;
  Deno.test(`the help of ${docs.name}`, async () => {
    const { out, status } = await xs(docs.name, "--help");
    assertEquals(status, 0);
    assertPage(out);
    assertEquals((await xs("help", docs.name)).out, out);
    for (const alias of docs.aliases ?? []) assertEquals((await xs("help", alias)).out, out);
    assert(docs.brief.length <= BRIEF_COLUMNS, `longer than ${BRIEF_COLUMNS}: ${docs.brief}`);
    assert(/^[a-z].*[^.]$/.test(docs.brief), docs.brief);
    for (const text of docs.description) assert(/[.:]$|^ /.test(text), `no end: ${text}`);
    assert(docs.examples.length > 0, "no example");
    for (const [line, what] of docs.examples) {
      assert(/^[a-z].*[^.]$/.test(what) || what.startsWith("/"), what);
      assertEquals(wrongInExample(line, docs.name, command), null, line);
    }
    for (const { text } of optionRows(parametersOf(command))) {
      assert(/^[A-Z].*[^.]$/.test(text), text);
    }
    await assertSnapshot(snapshot(`help/${docs.name}`), out);
  });
}

/** Wrong command lines of a command, all of which end before anything is done. */
function wrongLines({ docs, parameters }: XsCommand): string[][] {
  const { flags = {}, positional } = parameters as Parameters;
  const lines: string[][] = [["--bogus"], ["-Z"]];
  const needed = positional?.kind === "array"
    ? positional.minimum ?? 0
    : positional?.parameters.filter(({ optional }) => optional !== true).length ?? 0;
  if (needed > 0) lines.push([]);
  const most = positional?.kind === "array" ? null : positional?.parameters.length ?? 0;
  if (most !== null) lines.push(Array(most + 1).fill("1"));
  for (const [name, flag] of Object.entries(flags)) lines.push(...wrongOptions(kebab(name), flag));
  return lines.map((words) => [docs.name, ...words]);
}

/** Whether an option takes no such value. */
function rejects(flag: Flag, value: string): boolean {
  try {
    const { parse } = flag as unknown as { parse?: (input: string) => unknown };
    parse?.(value);
    return false;
  } catch {
    return true;
  }
}

function wrongOptions(name: string, flag: Flag): string[][] {
  const { hidden, kind, variadic } = flag;
  if (hidden === true) return [];
  if (kind === "boolean") return [[`--${name}=perhaps`]];
  const lines = [[`--${name}`]];
  if (kind === "enum" || rejects(flag, "@")) lines.push([`--${name}`, "@"]);
  if (variadic === undefined) lines.push([`--${name}`, "1", `--${name}`, "1"]);
  return lines;
}

for (const command of commands) {
  Deno.test(`what is said of wrong command lines of ${command.docs.name}`, async () => {
    let text = "";
    for (const args of wrongLines(command)) {
      const { err, out, status } = await xs(...args);
      const line = `xs ${args.map((word) => word === "" ? "''" : word).join(" ")}`;
      assertEquals([status, out], [2, ""], `${line}: ${err}`);
      assert(/^xs: [^\n]+ \([^\n]+\)\n$/.test(err), `${line}: ${err}`);
      assert(!FOREIGN.test(err), `${line}: a word of the library's: ${err}`);
      text += `$ ${line}\n${err}`;
    }
    await assertSnapshot(snapshot(`errors/${command.docs.name}`), text);
  });
}

Deno.test("each snapshot is of a command that there is", () => {
  const names = commands.map(({ docs }) => `${docs.name}.txt`);
  const found = (folder: string): string[] =>
    [...Deno.readDirSync(new URL(`snapshots/${folder}`, import.meta.url))]
      .map(({ name }) => name).sort();
  assertEquals(found("help"), [...names, "xs.txt"].sort());
  assertEquals(found("errors"), names.sort());
});
