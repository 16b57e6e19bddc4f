/** The values that only options of `xs serve` take. */
import { MEMORY_MIN, RESTART_DELAY_LIMIT_MS } from "../lib/limits.ts";
import { formatDuration } from "../lib/wire/duration.ts";
import { parseBytes, parseDurationOption } from "./parameters.ts";
import { UsageError } from "./report.ts";

/** How much memory the store may take. */
export function parseMemory(input: string): number {
  const bytes = parseBytes(input);
  if (bytes === 0 || bytes >= MEMORY_MIN) return bytes;
  throw new UsageError(`it is too small (at least ${MEMORY_MIN / 2 ** 20}M)`);
}

/** A path that is not empty. */
export function parsePlace(input: string): string {
  if (input === "") throw new UsageError("it is empty (name a file)");
  return input;
}

/** Permissions of a socket's file, such as 0660. */
export function parseMode(input: string): number {
  if (/^0?[0-7]{3}$/.test(input)) return parseInt(input, 8);
  throw new UsageError("invalid permissions (three octal digits, such as 660)");
}

/** Paths in which `*` and `?` stand for other characters: the names have the usual ones. */
const GLOB = /^(?:\/|(?:\/[\w@*?-]+)+)$/;

export function parseGlob(input: string): string {
  if (GLOB.test(input)) return input;
  throw new UsageError("invalid path (begin with /, and use * and ? for other characters)");
}

/** How long to wait before a restart: a bare number of milliseconds, as once, is caught here. */
export function parseRestartDelay(input: string): number {
  const delay = parseDurationOption(input);
  if (delay <= RESTART_DELAY_LIMIT_MS) return delay;
  const most = formatDuration(RESTART_DELAY_LIMIT_MS);
  throw new UsageError(`it is too long (at most ${most}; ${input}ms is milliseconds)`);
}
