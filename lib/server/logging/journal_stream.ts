import { type LogLevel, PRIORITIES } from "./log_format.ts";

/**
 * Whether stderr leads to systemd's journal, which takes a priority before each line (sd-daemon(3)): the
 * variable JOURNAL_STREAM names the device and inode of what systemd has connected.
 */
export function isJournal(
  stream: string | undefined,
  stderr: { readonly dev: number; readonly ino: number | null } | null,
): boolean {
  if (stream === undefined || stderr === null) return false;
  return stream === `${stderr.dev}:${stderr.ino}`;
}

/** What stderr is; null where /proc does not tell. */
export function statOfStderr(): Deno.FileInfo | null {
  try {
    return Deno.statSync("/proc/self/fd/2");
  } catch {
    return null;
  }
}

/** What the journal takes for the priority of the line that follows. */
export function journalPrefix(level: LogLevel): string {
  return `<${PRIORITIES[level]}>`;
}
