import { Getopt, type LongOption } from "./getopt.ts";

/** What C xenstored's command line says, in the terms of `xs serve`. */
export interface XenstoredOptions {
  readonly help: boolean;
  /** Stay in the foreground. */
  readonly noFork: boolean;
  /** Take the place of the daemon that was here before, in this process. */
  readonly liveUpdate: boolean;
  /** Only try whether that could be done. */
  readonly trial: boolean;
  readonly pidFile: string | null;
  /** Options of `xs serve`, each `--name=value`; paths are absolute. */
  readonly serve: readonly string[];
}

/** A command line that is refused. */
export class XenstoredUsage extends Error {
  override readonly name = "XenstoredUsage";
}

const SHORTS = "F:HNT:E:S:W:t:A:M:Q:q:w:KU";

/** Long-only options have their name for a letter. */
const LONGS: readonly LongOption[] = [
  { name: "pid-file", short: "F", takesValue: true },
  { name: "help", short: "H" },
  { name: "no-fork", short: "N" },
  { name: "trace-file", short: "T", takesValue: true },
  { name: "trace-control", short: "trace-control", takesValue: true },
  { name: "entry-nb", short: "E", takesValue: true },
  { name: "entry-size", short: "S", takesValue: true },
  { name: "watch-nb", short: "W", takesValue: true },
  { name: "transaction", short: "t", takesValue: true },
  { name: "perm-nb", short: "A", takesValue: true },
  { name: "path-max", short: "M", takesValue: true },
  { name: "quota", short: "Q", takesValue: true },
  { name: "quota-soft", short: "q", takesValue: true },
  { name: "timeout", short: "w", takesValue: true },
  { name: "keep-orphans", short: "K" },
  { name: "master-domid", short: "master-domid", takesValue: true },
  { name: "priv-domid", short: "priv-domid", takesValue: true },
  { name: "event", short: "event-port", takesValue: true },
  { name: "live-update", short: "U" },
  { name: "supervise", short: "supervise" },
  { name: "live-update-check", short: "live-update-check", takesValue: true },
];

/** The quotas that have a letter of their own. */
const QUOTA_LETTERS: Readonly<Record<string, string>> = {
  E: "nodes",
  S: "node-size",
  W: "watches",
  t: "transactions",
  A: "node-permissions",
  M: "path-max",
};

/** Longer paths than this were never allowed. */
const PATH_MAX = 2048;

/** The usage text of `-H`. */
export const XENSTORED_USAGE = `Usage: xenstored [options], as of C xenstored:

  -F, --pid-file <file>       keep the daemon's pid in this file, locked
  -H, --help                  print this
  -N, --no-fork               stay in the foreground, log to stderr
  -T, --trace-file <file>     trace every message to this file
      --trace-control +<switch>|-<switch>
                              set a trace switch; may be repeated
  -E, --entry-nb <n>          quota: nodes of a domain
  -S, --entry-size <n>        quota: bytes of a node
  -W, --watch-nb <n>          quota: watches of a domain
  -t, --transaction <n>       quota: open transactions of a domain
  -A, --perm-nb <n>           quota: permission entries of a node
  -M, --path-max <n>          quota: bytes of a path
  -Q, --quota <name>=<n>      any quota; may be repeated
  -q, --quota-soft memory=<n> the soft quota of a domain's memory
  -w, --timeout watch-event=<s>
                              drop events that a guest has not read for <s> seconds
  -K, --keep-orphans          keep the nodes of dead domains: a security risk
      --master-domid <n>      the domain that this daemon runs in
      --priv-domid <n>        the domain with all rights
      --event <port>          event channel of this domain's own ring
      --supervise             start the daemon again when it dies; clients stay connected
  -U, --live-update           take over from the daemon that ran in this process

It is xs, in xenstored's place: "xs serve --help" shows more options.
`;

/**
 * Reads the command line of `xenstored`.
 *
 * @throws {XenstoredUsage} when it is refused.
 */
export function readXenstoredOptions(
  args: readonly string[],
  absolute: (path: string) => string,
): XenstoredOptions {
  const getopt = new Getopt(args, SHORTS, LONGS, false);
  const serve: string[] = ["--xen=yes"];
  let [help, liveUpdate, noFork, trial] = [false, false, false, false];
  let pidFile: string | null = null;
  for (const { letter, value = "", complaint } of getopt.options()) {
    if (complaint !== undefined) throw new XenstoredUsage(complaint);
    if (letter === "H") help = true;
    else if (letter === "N") noFork = true;
    else if (letter === "U") liveUpdate = true;
    else if (letter === "live-update-check") {
      trial = true;
      serve.push(`--live-update-check=${value}`);
    } else if (letter === "F") serve.push(`--pid-file=${pidFile = absolute(value)}`);
    else serve.push(serveOption(letter, value, absolute));
  }
  if (getopt.operands.length > 0) {
    throw new XenstoredUsage(`no arguments are taken: '${getopt.operands[0]}'`);
  }
  if (liveUpdate) serve.push("--live-update");
  if (liveUpdate && !noFork) serve.push("--syslog");
  return { help, noFork, liveUpdate, trial, pidFile, serve };
}

/** The option of `xs serve` that means the same. */
function serveOption(letter: string, value: string, absolute: (path: string) => string): string {
  const quota = QUOTA_LETTERS[letter];
  if (quota !== undefined) {
    const number = parseNumber(value);
    return `--quota=${quota}=${quota === "path-max" ? Math.min(number, PATH_MAX) : number}`;
  }
  switch (letter) {
    case "T":
      return `--trace-file=${absolute(value)}`;
    case "K":
      return "--keep-orphans";
    case "supervise":
      return "--supervise";
    case "trace-control":
      return `--trace-control=${value}`;
    case "Q":
      return `--quota=${parseSetting(value)}`;
    case "w":
      return `--event-timeout=${parseTimeout(value)}`;
    case "q":
      return `--quota=soft-${parseSetting(value)}`;
    default:
      return `--${letter}=${parseNumber(value)}`;
  }
}

function parseNumber(text: string): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (number <= 0x7fffffff) return number;
  throw new XenstoredUsage(`invalid parameter value "${text}": a number is expected`);
}

function parseSetting(text: string): string {
  const at = text.indexOf("=");
  if (at < 1) throw new XenstoredUsage(`invalid parameter value "${text}": not name=number`);
  return `${text.slice(0, at)}=${parseNumber(text.slice(at + 1))}`;
}

function parseTimeout(text: string): string {
  const [name, seconds] = parseSetting(text).split("=");
  if (name === "watch-event") return seconds!;
  throw new XenstoredUsage(`unknown timeout "${text}": there is watch-event=<seconds>`);
}
