import { XenstoreError } from "../../lib/client/error.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { readPages } from "../../lib/metrics/read_status.ts";
import { CommandError, OLDER_DAEMON } from "../report.ts";

/**
 * The rows of a list that the daemon tells page by page, as long as `wants` says so.
 *
 * @throws {CommandError} when the daemon does not know it.
 */
export async function readRows<T>(
  nodes: Operations,
  words: readonly string[],
  wants: (rows: readonly T[]) => boolean,
): Promise<{ rows: T[]; isCut: boolean }> {
  const rows: T[] = [];
  for await (const page of readPages<T>((from) => ask(nodes, [...words, from]))) {
    rows.push(...page.rows);
    if (page.next !== null && !wants(rows)) return { rows, isCut: true };
  }
  return { rows, isCut: false };
}

/** A CONTROL command's answer. @throws {CommandError} when the daemon does not know the command. */
export async function ask(nodes: Operations, words: readonly string[]): Promise<string> {
  try {
    return await nodes.control(...words);
  } catch (error) {
    if (!(error instanceof XenstoreError) || error.code !== "EINVAL") throw error;
    const help = await nodes.control("help").catch(() => "");
    if (new RegExp(`^${words[0]} `, "m").test(help)) {
      throw new CommandError("invalid argument (EINVAL)", words[1]);
    }
    throw new CommandError(OLDER_DAEMON);
  }
}
