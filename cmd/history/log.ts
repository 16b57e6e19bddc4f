/** What `xs log` does: loaded when it is called. */
import { sleep } from "../../lib/clock.ts";
import type { HistorySource } from "../../lib/archive/past/history_source.ts";
import { toByteText } from "../../lib/client/operations.ts";
import type { Head } from "../../lib/history/answers.ts";
import { type LogFilter, LogMatcher } from "../../lib/history/log_filter.ts";
import type { LogQuery } from "../../lib/history/query.ts";
import type { Kind } from "../../lib/history/record.ts";
import { HISTORY_FOLLOW_MS, HISTORY_FOLLOW_ROWS } from "../../lib/limits.ts";
import type { Status, XsContext } from "../context.ts";
import { CommandError, UsageError } from "../report.ts";
import { flush } from "../shell.ts";
import { type LogPrinter, logPrinter } from "./log_printer.ts";
import { type LookBack, lookBack } from "./look_back.ts";
import { openPaged, type Paged } from "./paged.ts";
import type { HistoryFlags } from "./parameters.ts";

/** The options of `xs log`. */
export interface LogFlags extends HistoryFlags {
  readonly since?: string;
  readonly until?: string;
  readonly domain?: string;
  readonly process?: string;
  readonly op?: Kind;
  readonly search?: string;
  readonly aborted?: boolean;
  readonly number?: number;
  readonly reverse?: boolean;
  readonly follow?: boolean;
  readonly oneline?: boolean;
  readonly format?: "git-fast-import";
}

/** `xs log`. */
export async function runLog(
  context: XsContext,
  flags: LogFlags,
  ...paths: string[]
): Promise<Status> {
  checkTogether(flags);
  return await lookBack(context, flags, async (past) => {
    if (flags.format !== undefined) {
      const { logToGit } = await import("./log_git.ts");
      return await logToGit(past, { ...flags }, paths);
    }
    const query = queryOf(past, flags, paths);
    const source = await past.source();
    const printer = logPrinter(flags, new LogMatcher(query.filter), past.colour, paths.length > 0);
    const isFollowed = flags.follow === true;
    if (isFollowed && !source.isLive) {
      throw new CommandError("there is no daemon to follow (leave --follow out)");
    }
    // A pager shows what there is.
    if (isFollowed) return await follow(past, source, query, printer);
    const output = openPaged(past.shell, !query.backwards);
    try {
      const { isWhole } = await print(source, query, printer, output);
      return isWhole;
    } finally {
      await output.end();
    }
  });
}

/** @throws {UsageError} for options that contradict each other. */
function checkTogether({ follow, json, oneline, reverse, until }: LogFlags): void {
  const contradiction = (a: string, b: string): UsageError =>
    new UsageError(`it contradicts ${a} (leave one of them out)`, b);
  if (follow === true && reverse === true) throw contradiction("--follow", "--reverse");
  if (follow === true && until !== undefined) throw contradiction("--follow", "--until");
  if (json === true && oneline === true) throw contradiction("--json", "--oneline");
}

function queryOf(past: LookBack, flags: LogFlags, paths: readonly string[]): LogQuery {
  const { aborted, domain, follow, number, op, process, reverse, search, since, until } = flags;
  const filter: LogFilter = {
    ...(paths.length === 0 ? {} : { paths }),
    ...(domain === undefined ? {} : { domain: numberOrName(domain) }),
    ...(process === undefined ? {} : { process: numberOrName(process) }),
    ...(op === undefined ? {} : { kind: op }),
    ...(search === undefined ? {} : { text: search }),
    ...(aborted === true ? { aborted } : {}),
  };
  const last = number ?? (follow === true && since === undefined ? HISTORY_FOLLOW_ROWS : null);
  return {
    kind: "log",
    since: past.pointOrNull(since, "--since"),
    until: past.pointOrNull(until, "--until"),
    filter,
    backwards: reverse === true,
    last,
  };
}

function numberOrName(text: string): number | string {
  return /^\d{1,10}$/.test(text) ? Number(text) : text;
}

interface Printed {
  /** Nothing was damaged. */
  readonly isWhole: boolean;
  /** The last number that was looked at. */
  readonly last: number;
}

/** Prints an answer as it comes. */
async function print(
  source: HistorySource,
  query: LogQuery,
  printer: LogPrinter,
  output: Paged,
): Promise<Printed> {
  let isWhole = true, last = 0, count = 0;
  let head: Head | null = null, isShortened = false;
  const write = async (lines: Iterable<string>): Promise<boolean> => {
    for (const line of lines) if (!await output.write(toByteText(`${line}\n`))) return false;
    return true;
  };
  const tellHead = async (): Promise<boolean> => {
    if (head === null) return true;
    const isCut = query.last !== null && count >= query.last;
    return await write(printer.head(head, isCut));
  };
  // It says where the oldest record is: above that, or below it. How many there are is known at the end.
  const isHeadFirst = !query.backwards && query.last === null;
  const held: string[] = [];
  for await (const answer of source.ask(query)) {
    if (answer.type === "head") {
      isShortened = head !== null;
      head = answer;
      if (isShortened) continue;
      last = answer.last;
      if (isHeadFirst && !await tellHead()) return { isWhole, last };
      continue;
    }
    if (answer.type === "damage") isWhole = false;
    if (answer.type !== "damage" && answer.type !== "record") continue;
    if (answer.type === "record") {
      last = Math.max(last, answer.record.number);
      count++;
    }
    const lines = answer.type === "damage" ? printer.damage(answer) : printer.record(answer.record);
    if (isHeadFirst || query.backwards) {
      if (!await write(lines)) return { isWhole, last };
    } else held.push(...lines);
  }
  if (!isHeadFirst) await tellHead();
  else if (isShortened) await write(printer.later(head!));
  await write(held);
  return { isWhole, last };
}

/** Prints what there is, then what comes, until the command is interrupted. */
async function follow(
  { shell }: LookBack,
  source: HistorySource,
  first: LogQuery,
  printer: LogPrinter,
): Promise<void> {
  const { clock, stdout } = shell;
  const output: Paged = {
    write: (text) => {
      stdout.write(text);
      return Promise.resolve(true);
    },
    end: () => Promise.resolve(),
  };
  const later: LogPrinter = { ...printer, head: () => [], later: () => [] };
  let { last } = await print(source, first, printer, output);
  for (;;) {
    flush(stdout);
    await sleep(clock, HISTORY_FOLLOW_MS);
    const filter = { ...first.filter, since: last + 1 };
    const query = { ...first, since: null, filter, last: null };
    last = Math.max(last, (await print(source, query, later, output)).last);
  }
}
