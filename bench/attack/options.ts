import { ATTACKS } from "../../tests/support/attack/attacks.ts";
import { NOBODY } from "./control.ts";
import type { Settings } from "./play.ts";

/** All that can be played. */
const NAMED = [...ATTACKS, NOBODY].map(({ name }) => name);

export const USAGE = `usage: deno task attack [--only NAME]... [--seconds N] [--guests N]
         [--against xs|c|both] [--binary PATH]... [--rest N] [--twice]
         [--disk MB] [--heap MB] [--memory BYTES] [--seed S] [--spin N]
attacks: ${NAMED.join(" ")}`;

export interface Options extends Settings {
  /** Names of attacks; none for all. */
  readonly only: readonly string[];
  readonly against: "xs" | "c" | "both";
  /** Compiled daemons; none for the sources. */
  readonly binaries: readonly string[];
}

const NAMES = [
  "only",
  "seconds",
  "guests",
  "against",
  "binary",
  "rest",
  "twice",
  "disk",
  "heap",
  "memory",
  "seed",
  "spin",
] as const;
type Name = typeof NAMES[number];

/** Those without a value. */
const SWITCHES: readonly Name[] = ["twice"];

/** @throws {Error} that begins with the option that is wrong */
export function parseOptions(args: readonly string[]): Options {
  const given = collect(args);
  const last = (name: Name): string | undefined => given.get(name)?.at(-1);
  const against = last("against") ?? "both";
  if (against !== "xs" && against !== "c" && against !== "both") {
    throw new Error(`--against ${against}: want xs, c or both`);
  }
  const only = given.get("only") ?? [];
  for (const name of only) {
    if (!NAMED.includes(name)) {
      throw new Error(`--only ${name}: no such attack`);
    }
  }
  return {
    only,
    against,
    binaries: given.get("binary") ?? [],
    seconds: number("seconds", last("seconds")) ?? 10,
    guests: number("guests", last("guests")),
    rest: number("rest", last("rest")) ?? 30,
    twice: given.has("twice"),
    disk: number("disk", last("disk")),
    heap: number("heap", last("heap")),
    memory: last("memory") ?? null,
    spin: number("spin", last("spin")) ?? 0,
    seed: number("seed", last("seed")) ?? Date.now() % 1_000_000_007,
  };
}

/** Values by option; `--name value` and `--name=value` both. */
function collect(args: readonly string[]): Map<Name, string[]> {
  const given = new Map<Name, string[]>();
  for (let i = 0; i < args.length; i++) {
    const [, word, inline] = /^--([a-z]+)(?:=(.*))?$/.exec(args[i]!) ?? [];
    const name = NAMES.find((known) => known === word);
    if (name === undefined) throw new Error(`--: '${args[i]}' is no option`);
    const value = SWITCHES.includes(name) ? "" : inline ?? args[++i];
    if (value === undefined) throw new Error(`--${name}: a value is missing`);
    given.getOrInsertComputed(name, () => []).push(value);
  }
  return given;
}

function number(name: Name, text: string | undefined): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`--${name} ${text}: want a number`);
  return value;
}
