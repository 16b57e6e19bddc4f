import { Getopt, type LongOption } from "./getopt.ts";
import { StockExit } from "./exit.ts";

/** The stock tools, by the name behind `xenstore-`. */
export const MODES = [
  "chmod",
  "exists",
  "list",
  "ls",
  "read",
  "rm",
  "write",
  "watch",
] as const;

export type Mode = (typeof MODES)[number];

/** What the options of a stock tool's command line say. */
export interface StockOptions {
  flat: boolean;
  prefix: boolean;
  raw: boolean;
  tidy: boolean;
  upto: boolean;
  recurse: boolean;
  /** Events to wait for; -1 for no end. */
  number: number;
  depth?: number;
}

const synopses: Readonly<Record<Mode, string>> = {
  read: "[-h] [-p] [-s] [-R] key [...]",
  write: "[-h] [-s] [-R] key value [...]",
  rm: "[-h] [-s] [-t] key [...]",
  exists: "[-h] [-p] [-s] key [...]",
  list: "[-h] [-p] [-s] key [...]",
  ls: "[-h] [-f] [-p] [-s] [path]",
  chmod: "[-h] [-u] [-r] [-s] key <mode [modes...]>",
  watch: "[-h] [-n NR] key",
};

/** The usage line, as the stock tools print it behind their name. */
export function usage(program: string, mode: Mode | null, byArgument: boolean): string {
  if (mode === null) return `Usage: ${program} <mode> [-h] [...]`;
  return `Usage: ${program} ${byArgument ? `${mode} ` : ""}${synopses[mode]}`;
}

const LONG_OPTIONS: readonly LongOption[] = [
  { name: "help", short: "h" },
  { name: "flat", short: "f" },
  { name: "prefix", short: "p" },
  { name: "tidy", short: "t" },
  { name: "upto", short: "u" },
  { name: "recurse", short: "r" },
  { name: "number", short: "n", takesValue: true },
  { name: "raw", short: "R" },
];

/** A depth came to the tools after 4.17: only where it means something, so that nothing else differs. */
const DEPTH: LongOption = { name: "depth", short: "d", takesValue: true };

/** The tools that take an option; the others answer it with their usage. */
const takers: Readonly<Record<string, readonly Mode[]>> = {
  h: [],
  f: ["ls"],
  p: ["read", "list", "ls"],
  s: MODES,
  t: ["rm"],
  u: ["chmod"],
  r: ["chmod"],
  n: ["watch"],
  d: ["watch"],
  R: ["read", "write"],
};

/** C's `atoi`. */
export function atoi(text: string): number {
  const match = /^[ \t-\r]*([+-]?\d+)/.exec(text);
  return match === null ? 0 : Number(match[1]) | 0;
}

/**
 * Reads a stock tool's command line.
 *
 * @param complain takes a complaint about an option, after which reading goes on.
 * @throws {StockExit} with the usage.
 */
export function readStockOptions(
  mode: Mode,
  args: readonly string[],
  usageLine: string,
  posix: boolean,
  complain: (text: string) => void,
): { options: StockOptions; operands: string[] } {
  const watch = mode === "watch";
  const longs = watch ? [...LONG_OPTIONS, DEPTH] : LONG_OPTIONS;
  const getopt = new Getopt(args, `hfspturn:R${watch ? "d:" : ""}`, longs, posix);
  const options: StockOptions = {
    flat: false,
    prefix: false,
    raw: false,
    tidy: false,
    upto: false,
    recurse: false,
    number: -1,
  };
  for (const { letter, value, complaint } of getopt.options()) {
    if (complaint !== undefined) complain(complaint);
    else if (!takers[letter]?.includes(mode)) throw new StockExit(1, usageLine);
    else applyOption(options, letter, value ?? "");
  }
  const { operands } = getopt;
  const odd = mode === "write" && operands.length % 2 === 1;
  if (odd || (operands.length === 0 && mode !== "ls")) throw new StockExit(1, usageLine);
  return { options, operands };
}

function applyOption(options: StockOptions, letter: string, value: string): void {
  switch (letter) {
    case "f":
      options.flat = true;
      break;
    case "p":
      options.prefix = true;
      break;
    case "R":
      options.raw = true;
      break;
    case "t":
      options.tidy = true;
      break;
    case "u":
      options.upto = true;
      break;
    case "r":
      options.recurse = true;
      break;
    case "n":
      options.number = atoi(value);
      break;
    case "d":
      options.depth = atoi(value);
      break;
  }
}
