/** How a daemon came up, for the log and `xs status`. */
import type { Beginning } from "../../engine/process_status.ts";
import type { Journal } from "../../journal/journal.ts";
import { counted } from "../../wire/counted.ts";

/** There was no store, or it is kept in no file. */
export function emptyBeginning(nodes: number): Beginning {
  return { how: "empty", after: null, lastTurn: null, nodes, text: "with an empty store" };
}

const ENDS = { end: "an orderly end", death: "a kill", boot: "a boot of the host" } as const;

/** It goes on with the store of an earlier daemon. */
export function recoveredBeginning(
  { before, lastTurnAt }: Pick<Journal, "before" | "lastTurnAt">,
  nodes: number,
): Beginning {
  const lastTurn = lastTurnAt === null ? null : new Date(lastTurnAt).toISOString();
  const last = lastTurn === null ? "" : `, last change at ${lastTurn}`;
  const text = `recovered ${counted(nodes, "node")} after ${ENDS[before]}${last}`;
  return { how: "recovered", after: before, lastTurn, nodes, text };
}

/** It took the place of another daemon. */
export function takenOverBeginning(nodes: number): Beginning {
  const text = `by a live update, with ${counted(nodes, "node")}`;
  return { how: "live update", after: null, lastTurn: null, nodes, text };
}
