/** Runs the commands of a story of docs/debugging.md, and compares what they print with the page. */
import { assert, assertEquals } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { fakeShell } from "../support/fake_shell.ts";
import { readText } from "../support/sources.ts";

/** How often figures of one second are looked at. */
const FIGURE_TRIES = 20;

/** A command of the page, as it is typed, and what it prints there. */
interface Step {
  readonly command: string;
  readonly output: readonly string[];
}

/** Where a story is played. */
export interface Scene {
  readonly socketPath: string;
  /** The daemon's log so far: `level: text`. */
  readonly log: readonly string[];
}

/** The commands in the section of that title. */
function stepsOf(title: string): Step[] {
  const sections = readText("docs/debugging.md").split(/^## /m);
  const section = sections.find((text) => text.startsWith(`${title}\n`));
  assert(section !== undefined, `docs/debugging.md has no section "${title}"`);
  const steps: { command: string; output: string[] }[] = [];
  for (const line of section.split("\n").filter((line) => line.startsWith("    "))) {
    const text = line.slice(4);
    if (text.startsWith("$ ")) steps.push({ command: text.slice(2), output: [] });
    else steps.at(-1)!.output.push(text);
  }
  return steps;
}

/** Numbers, times, names of processes and blanks between columns differ from host to host. */
function normalised(line: string): string {
  return line
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
    .replaceAll(/\(pid \d+ [^)]*\)/g, "(pid N)")
    // Of a command line only the program's name.
    .replaceAll(/pid \d+ \(([\w-]+)[^)]*\)/g, "pid N ($1)")
    .replaceAll(/\([\w.]+ ago\)/g, "(AGE)")
    .replaceAll(/\d+(?:\.\d+)?/g, "N")
    .replaceAll(/ +/g, " ")
    .trimEnd();
}

async function printed(command: string, scene: Scene): Promise<string[]> {
  const [first, ...filters] = command.split(" | ");
  const words = first!.split(" ");
  let lines: string[];
  if (words[0] === "journalctl") {
    const isWarning = first!.includes("-p warning");
    lines = scene.log.filter((line) => !isWarning || /^(?:warning|error):/.test(line));
  } else {
    assertEquals(words[0], "xs", command);
    const shell = fakeShell(words.slice(1), { env: { XENSTORED_PATH: scene.socketPath } });
    const status = await runApp(shell);
    assertEquals(shell.printed.err, "", command);
    // That something is wrong is what the doctor's status says.
    assert(status === 0 || words[1] === "doctor", `${command}: ${status}`);
    lines = shell.printed.out.split("\n").filter((line) => line !== "");
  }
  for (const filter of filters) {
    const [, text] = /^grep (.*)$/.exec(filter)!;
    const wanted = text!.split(/ ?-e /).filter((word) => word !== "");
    lines = lines.filter((line) => wanted.some((word) => line.includes(word)));
  }
  return lines;
}

/** Types all commands of the section in their order; each prints what the page says. */
export async function tellStory(title: string, scene: Scene): Promise<void> {
  const steps = stepsOf(title);
  assert(steps.length > 0 && steps.length <= 3, `${steps.length} commands`);
  for (const { command, output } of steps) {
    const wanted = output.map(normalised);
    let lines = (await printed(command, scene)).map(normalised);
    // What is just beginning, or only sometimes there, may be missing in figures of one second.
    const tries = /^xs (?:top|who) /.test(command) ? FIGURE_TRIES : 1;
    for (let i = 1; i < tries && lines.join("\n") !== wanted.join("\n"); i++) {
      lines = (await printed(command, scene)).map(normalised);
    }
    assertEquals(lines, wanted, command);
  }
}
