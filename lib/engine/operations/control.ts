import { EINVAL, EROFS, OK } from "../../wire/errors.ts";
import { jsonLine } from "../../wire/json.ts";
import { splitStrings } from "../../wire/payload.ts";
import { toText } from "../../wire/text.ts";
import type { Call } from "../request.ts";
import { check } from "../recount.ts";
import { cutForLog } from "../domain_log_budget.ts";
import { switchSetting, TRACE, TRACE_FILE } from "../settings.ts";
import { archive, dump, restore } from "./archive.ts";
import { errors, hostDomains, ring, who } from "./insight.ts";
import { history } from "./history.ts";
import { liveUpdate } from "./live_update.ts";
import { statusOf } from "../status.ts";
import { pageOf } from "../status_pages.ts";
import { DONE, type Outcome, textReply } from "./outcome.ts";
import { controlQuota, controlQuotaSoft } from "./quotas.ts";

interface Command {
  readonly name: string;
  /** The arguments as `help` shows them, one line each. */
  readonly usage: readonly string[];
  readonly run: (call: Call, args: readonly string[]) => Outcome;
  /** Whether it changes the store or the daemon that serves it, with these arguments. */
  readonly changes?: (args: readonly string[]) => boolean;
  /** It shows something, and takes no file of the daemon's, no room and no time for that. */
  readonly shows?: true;
  /** Its arguments may hold NULs: it looks at the payload itself, and is given none. */
  readonly isBinary?: true;
}

/** What CONTROL understands (reference section 6.6), in the order in which `help` lists it. */
const COMMANDS: readonly Command[] = [
  { name: "check", usage: [""], run: runCheck },
  { name: "log", usage: ["[on|off|+<switch>|-<switch>]"], run: runLog },
  {
    name: "live-update",
    usage: [
      "[-c <cmdline>] [-F] [-t <timeout>] [-v <version>] <file>",
      "-a",
    ],
    run: liveUpdate,
    changes: () => true,
  },
  { name: "logfile", usage: ["<file>"], run: runLogfile },
  { name: "memreport", usage: ["[<file>]"], run: runMemreport },
  { name: "print", usage: ["<string>"], run: runPrint },
  {
    name: "quota",
    usage: ["[set <name> <val>|<domid>|max [-r]]", "set <domid> <name> <val>"],
    run: controlQuota,
    changes: sets,
    shows: true,
  },
  {
    name: "quota-soft",
    usage: ["[set <name> <val>]"],
    run: controlQuotaSoft,
    changes: sets,
    shows: true,
  },
  { name: "dump", usage: ["all|<domid>"], run: dump },
  {
    name: "restore",
    usage: ["[-n] [-q] <length> [<domid>[:<domid>]]"],
    run: restore,
    changes: (args) => !args.includes("-n"),
  },
  { name: "archive", usage: ["<job> [cancel|read|put <bytes>]"], run: archive, isBinary: true },
  {
    name: "history",
    usage: ["query <version> <query>", "read|end|purged <number>", "purge <path>..."],
    run: history,
  },
  {
    name: "status",
    usage: ["", "domains|requests|conflicts|clients [<from>]", "histograms"],
    run: runStatus,
    shows: true,
  },
  {
    name: "stream",
    usage: [
      "messages [domain=<domid>] [process=<pid>|<text>] [op=<kind>,...] [path=<pattern>] [errors] [slower=<us>]",
    ],
    run: runStream,
  },
  { name: "who", usage: ["<path> [<from>]"], run: who, shows: true },
  { name: "domains", usage: ["<domid>..."], run: hostDomains },
  { name: "ring", usage: ["<domid>"], run: ring },
  { name: "errors", usage: ["[data] [<from>]"], run: errors },
  { name: "help", usage: [""], run: runHelp, shows: true },
];

/** `set` changes a quota, `max -r` what was the most of each. */
function sets([word, option]: readonly string[]): boolean {
  return word === "set" || word === "max" && option !== undefined;
}

/** CONTROL `command args...`: the operator's commands. */
export function control(call: Call): Outcome {
  return runCommand(call, () => true);
}

/** The same for a store that nobody can change. */
export function readOnlyControl(call: Call): Outcome {
  return runCommand(call, (command, args) => command.changes?.(args) !== true);
}

/** The same for a client that may only look. */
export function readerControl(call: Call): Outcome {
  return runCommand(
    call,
    (command, args) => command.shows === true && command.changes?.(args) !== true,
  );
}

function runCommand(
  call: Call,
  isAllowed: (command: Command, args: readonly string[]) => boolean,
): Outcome {
  if (call.payload.at(-1) !== 0) return EINVAL;
  const { payload } = call;
  const name = toText(payload, 0, payload.indexOf(0));
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command === undefined) return EINVAL;
  const args = command.isBinary ? [] : splitStrings(payload).slice(1);
  return isAllowed(command, args) ? command.run(call, args) : EROFS;
}

function runHelp(_call: Call, args: readonly string[]): Outcome {
  if (args.length > 0) return EINVAL;
  const lines = COMMANDS.flatMap(({ name, usage }) =>
    usage.map((text) => `${name.padEnd(15)} ${text}\n`)
  );
  return textReply(lines.join(""));
}

const encoder = new TextEncoder();

/**
 * The whole status as one JSON object, or a page of one of its lists; what they hold grows, and what is
 * there stays.
 */
function runStatus({ now, state }: Call, args: readonly string[]): Outcome {
  const [what, from = "", ...more] = args;
  if (more.length > 0) return EINVAL;
  if (what !== undefined) {
    const page = pageOf(state, what, from);
    return page === null ? EINVAL : encoder.encode(`${page}\0`);
  }
  const status = statusOf(state, now);
  return status === null ? EINVAL : encoder.encode(`${jsonLine(status)}\0`);
}

/** With the reply OK the connection ends as one of Xenstore's: what follows are frames (wire/stream_frame.ts). */
function runStream({ connection, state }: Call, args: readonly string[]): Outcome {
  const { streams } = state.admin;
  if (streams === null || args.length === 0) return EINVAL;
  return textReply(streams.open(connection, args));
}

function runCheck(call: Call, args: readonly string[]): Outcome {
  if (args.length > 0) return EINVAL;
  const { connection, now, state } = call;
  for (const finding of check(state)) {
    state.tell("warning", connection.domid, now, () => cutForLog(finding));
  }
  return DONE;
}

function setSetting({ connection, now, state }: Call, name: string, value: string): void {
  const line = (): string => `${connection.label}: CONTROL: ${name} is now ${cutForLog(value)}`;
  state.tell("info", connection.domid, now, line);
  state.settings.set(name, value);
  state.commits?.note({ kind: "setting", name, value });
}

function runLog(call: Call, args: readonly string[]): Outcome {
  const { admin } = call.state;
  const [what, ...more] = args;
  if (more.length > 0) return EINVAL;
  if (what === undefined) {
    const lines = admin.switches().map(([name, on]) => `${name.padEnd(8)}: ${on ? "on" : "off"}\n`);
    return textReply(`Log switch settings:\n${lines.join("")}`);
  }
  if (what === "on" || what === "off") {
    const error = admin.setTrace(what === "on");
    if (error !== OK) return error;
    setSetting(call, TRACE, what);
    return DONE;
  }
  const [sign, name] = [what[0], what.slice(1)];
  if (sign !== "+" && sign !== "-" || !admin.setSwitch(name, sign === "+")) return EINVAL;
  setSetting(call, switchSetting(name), sign === "+" ? "on" : "off");
  return DONE;
}

function runLogfile(call: Call, args: readonly string[]): Outcome {
  const [path, ...more] = args;
  if (path === undefined || path === "" || more.length > 0) return EINVAL;
  const { admin } = call.state;
  const error = admin.setTraceFile(path);
  if (error !== OK) return error;
  setSetting(call, TRACE_FILE, path);
  setSetting(call, TRACE, "on");
  return DONE;
}

function runMemreport(call: Call, args: readonly string[]): Outcome {
  if (args.length > 1) return EINVAL;
  return call.state.admin.memoryReport(args[0] ?? null) || DONE;
}

function runPrint(call: Call, args: readonly string[]): Outcome {
  if (args.length !== 1) return EINVAL;
  call.state.admin.print(`control: ${args[0]}`);
  return DONE;
}
