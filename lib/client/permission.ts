import { XenstoreError } from "./error.ts";

/** What each kind of permission lets a program do, in words. */
const ACTIONS: Readonly<Record<string, string>> = {
  env: "read the environment variable",
  net: "connect to",
  read: "read",
  write: "write",
};

/**
 * The error for a permission that Deno denies, which names it and what grants it; any other error is
 * returned as it is.
 */
export function permissionError(error: unknown, path: string): unknown {
  if (!(error instanceof Deno.errors.NotCapable)) return error;
  const [, kind = "", object = "", flag = `--allow-${kind}`] =
    /^Requires (\w+) access to (.+?)(?:, run again with the (--[\w-]+) flag)?$/.exec(
      error.message,
    ) ??
      [];
  const action = ACTIONS[kind] ?? `use ${kind} access to`;
  const detail = `permission to ${action} ${object} is missing (run deno with ${flag})`;
  return new XenstoreError("EACCES", "connect", path, detail);
}
