/** What the operator reads on stdout when the daemon serves. */
import type { Keeping } from "../process/read_process_status.ts";

/** Where the socket is, what becomes of the store, and what to type next. */
export function greeting(
  path: string,
  isFallback: boolean,
  keeping: Keeping,
  globs: readonly string[],
): string {
  // It must be pasted into other terminals.
  const place = path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
  const lines = [`xs serves Xenstore on ${path}`];
  if (isFallback) {
    lines.push(
      "(you are not root and have no rights on /var/run/xenstored: only you can use this place)",
    );
  }
  lines.push(
    `${keepingText(keeping, globs)}. Next, in another terminal:`,
    `  xs --socket ${place} ls`,
    `  export XENSTORED_PATH=${place}   # for xs, xenstore-ls and all other clients`,
  );
  return lines.map((line) => `${line}\n`).join("");
}

/** What becomes of the store when the daemon ends. */
function keepingText({ path, persist }: Keeping, globs: readonly string[]): string {
  if (path === null) {
    return "The store is in memory only: it is gone when the daemon stops";
  }
  const place = persist === "disk" ? "on disk, " : "";
  const until = globs.length === 0 ? "" : `, but for ${globs.join(", ")}`;
  return `The store is kept in ${path}, ${place}until this host boots${until}`;
}
