import { fail } from "@std/assert";

/** Tells {@link assertSnapshot} to write what it is given. `deno task snapshots` sets it. */
const RENEW = "XS_RENEW_SNAPSHOTS";

const HINT = "look at the difference, then renew all snapshots with `deno task snapshots`";

/**
 * Fails unless a file has this text. A file for each snapshot, so that two changes of different
 * pages do not conflict.
 */
export async function assertSnapshot(file: URL, text: string): Promise<void> {
  if (Deno.env.get(RENEW) === "1") {
    await Deno.mkdir(new URL(".", file), { recursive: true });
    return await Deno.writeTextFile(file, text);
  }
  const known = await Deno.readTextFile(file).catch(() => "");
  if (known === text) return;
  const [is, was] = [text.split("\n"), known.split("\n")];
  const at = is.findIndex((line, i) => line !== was[i]);
  const line = at < 0 ? is.length : at;
  fail(
    `${file.pathname.split("/tests/")[1]} differs at line ${line + 1} (${HINT})\n` +
      `  snapshot: ${was[line] ?? "(end)"}\n  now:      ${is[line] ?? "(end)"}`,
  );
}
