import { QUOTAS, type QuotaSetting } from "../../engine/quotas.ts";

/** What of our own command line the next daemon must be told, too. */
export interface OwnCommandLine {
  /** `serve` and its options, as `xs` takes them. */
  readonly words: readonly string[];
  /** What the runtime is told before our own words: nothing in a compiled binary. */
  readonly runtime: readonly string[];
}

/** The options of `xs serve` that C xenstored has, too. */
export interface SharedOptions {
  readonly pidFile?: string;
  readonly traceFile?: string;
  readonly keepOrphans?: boolean;
  readonly privDomid?: number;
  readonly masterDomid?: number;
  readonly eventPort?: number;
  readonly quotas?: readonly QuotaSetting[];
  readonly eventTimeout?: number;
}

/** What tells the next daemon to take up a state: the same for `xs serve`, `xenstored` and C's. */
const TAKE_OVER = "-U";

const TAKE_OVER_WORDS = new Set([TAKE_OVER, "--live-update", "--liveUpdate"]);

/** The words of an operator's `-c`, as C xenstored parts them: at blanks, without any quoting. */
export function splitWords(commandLine: string): string[] {
  return commandLine.split(/[ \t]+/).filter((word) => word !== "");
}

/**
 * The command line with which another `xs` takes over, without its name.
 *
 * @param told what the operator said in place of our own, or null
 * @param sameProgram whether it is the very file that runs us
 */
export function nextXs(
  given: string | null,
  { words, runtime }: OwnCommandLine,
  sameProgram: boolean,
): string[] {
  const next = given === null ? [...sameProgram ? runtime : [], ...words] : splitWords(given);
  return [...next.filter((word) => !TAKE_OVER_WORDS.has(word)), TAKE_OVER];
}

/** The command line with which C xenstored takes over, without its name. */
export function nextC(given: string | null, options: SharedOptions): string[] {
  const next = given === null ? wordsOfC(options) : splitWords(given);
  return next.includes(TAKE_OVER) ? next : [...next, TAKE_OVER];
}

/** C's letters for quotas; it takes the others by name. */
const LETTERS: Readonly<Record<string, string>> = {
  nodes: "-E",
  "node-size": "-S",
  watches: "-W",
  transactions: "-t",
  "node-permissions": "-A",
  "path-max": "-M",
};

function wordsOfC(options: SharedOptions): string[] {
  const words: string[] = [];
  const add = (name: string, value: string | number | undefined): void => {
    if (value !== undefined) words.push(name, `${value}`);
  };
  add("--pid-file", options.pidFile);
  add("--trace-file", options.traceFile);
  add("--priv-domid", options.privDomid);
  add("--master-domid", options.masterDomid);
  add("--event", options.eventPort);
  if (options.keepOrphans) words.push("--keep-orphans");
  if (options.eventTimeout !== undefined) {
    // C xenstored takes whole seconds.
    words.push("-w", `watch-event=${Math.ceil(options.eventTimeout / 1_000)}`);
  }
  const known = new Set<string>(QUOTAS.map(({ name }) => name));
  for (const { name, value } of options.quotas ?? []) {
    if (LETTERS[name] !== undefined) words.push(LETTERS[name], `${value}`);
    else if (name.startsWith("soft-")) words.push("-q", `${name.slice("soft-".length)}=${value}`);
    else if (known.has(name)) words.push("-Q", `${name}=${value}`);
  }
  return words;
}
