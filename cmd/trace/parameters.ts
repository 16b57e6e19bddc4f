import type { CommonFlags } from "../context.ts";
import { switchFlag, valueFlag } from "../flags.ts";
import { parseDurationOption } from "../parameters.ts";

/** What messages are wanted. */
export interface FilterFlags {
  /** A number or a name. */
  readonly domain?: string;
  readonly process?: string;
  readonly op?: string;
  readonly path?: string;
  readonly errors?: boolean;
  /** In ms. */
  readonly slowerThan?: number;
}

/** The options of `xs trace`. */
export interface TraceFlags extends CommonFlags, FilterFlags {
  readonly count?: boolean;
  readonly times?: boolean;
  readonly write?: string;
  readonly pcapng?: string;
  readonly number?: number;
  /** In ms. */
  readonly for?: number;
}

/** The parameters that go with {@link FilterFlags}. */
export const filterFlags = {
  domain: valueFlag("DOMAIN", "Show only messages of DOMAIN, a number or a name"),
  process: valueFlag(
    "PROCESS",
    "Show only messages of PROCESS, a pid or a part of its command line",
  ),
  op: valueFlag("KINDS", "Show only messages of these KINDS, such as write,rm,event"),
  path: valueFlag(
    "GLOB",
    "Show only messages about paths that match GLOB or are below; ** stands for any names",
  ),
  errors: switchFlag("Show only requests that fail"),
  slowerThan: valueFlag(
    "DURATION",
    "Show only requests that take longer than DURATION",
    parseDurationOption,
  ),
} as const;

/** The conditions as the daemon takes them; `domid` is the domain's number. */
export function filterWords(flags: FilterFlags, domid: number | null): string[] {
  const { errors, op, path, process, slowerThan } = flags;
  const words: string[] = [];
  if (domid !== null) words.push(`domain=${domid}`);
  if (process !== undefined) words.push(`process=${process}`);
  if (op !== undefined) words.push(`op=${op}`);
  if (path !== undefined) words.push(`path=${path}`);
  if (errors === true) words.push("errors");
  if (slowerThan !== undefined) words.push(`slower=${Math.round(slowerThan * 1_000)}`);
  return words;
}

/** A domain's number, as it is written; null for a name. */
export function domidIn(text: string): number | null {
  return /^\d{1,5}$/.test(text) ? Number(text) : null;
}
