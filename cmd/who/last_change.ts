import { ArchiveError } from "../../lib/archive/archive.ts";
import { askDaemon } from "../../lib/archive/past/ask_daemon.ts";
import { unknownText } from "../../lib/archive/past/past_nodes.ts";
import { wallMs } from "../../lib/clock.ts";
import { XenstoreError } from "../../lib/client/error.ts";
import type { Operations } from "../../lib/client/operations.ts";
import type { Blamed } from "../../lib/history/answers.ts";
import { authorJson, timeJson } from "../../lib/history/json.ts";
import { LOCAL_ZONE } from "../../lib/history/points.ts";
import { timeText, whoText } from "../../lib/history/text.ts";
import { formatDuration } from "../../lib/wire/duration.ts";

/** The last change of a node, as the history has it; null where there is none, or the node is not in it. */
export async function lastChange(nodes: Operations, path: string): Promise<Blamed | null> {
  // Specials have no history, and relative paths are the daemon's to complete.
  if (!path.startsWith("/")) return null;
  const query = { kind: "blame", path, at: null, recursive: false, deleted: false } as const;
  try {
    for await (const answer of askDaemon(nodes, query)) {
      if (answer.type === "blame") return answer;
    }
    return null;
  } catch (error) {
    // No history is kept, or the daemon is one that knows none.
    if (error instanceof ArchiveError) return null;
    if (error instanceof XenstoreError && nodes.session.open) return null;
    throw error;
  }
}

/** One line, text. */
export function changeText({ between, commit }: Blamed, nodes: Operations): string {
  if (between !== null) return `last change: ${unknownText(between)}`;
  if (commit === null) return "last changed before the history begins";
  const { at, author, number } = commit;
  const ageMs = Math.max(0, Math.round(wallMs(nodes.session.clock) - at / 1_000));
  const time = `${timeText(at, LOCAL_ZONE)} (${formatDuration(ageMs)} ago)`;
  return `last changed by ${whoText(author)} in #${number}, ${time}`;
}

/** The same for JSON. */
export function changeJson({ between, commit }: Blamed): object {
  if (commit === null || between !== null) return { kind: "change", commit: null };
  const { at, author, number } = commit;
  return { kind: "change", commit: number, at: timeJson(at), author: authorJson(author) };
}
