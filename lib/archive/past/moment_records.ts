/** A moment of the past as records, from which a store can be made. */
import { nodeOf } from "../../state/bare_records.ts";
import type { NodeState } from "../../history/record.ts";
import type { Node, Special } from "../../state/records.ts";
import { hiddenValue } from "../../store/redaction.ts";
import { toBytes } from "../../wire/text.ts";

/** Nodes in the order of their paths, parents before children; of a value that is hidden its placeholder. */
export function momentRecords(nodes: ReadonlyMap<string, NodeState>): (Node | Special)[] {
  return [...nodes].sort(([a], [b]) => a < b ? -1 : 1).map(([path, { perms, value }]) => {
    const bytes = value instanceof Uint8Array ? value : toBytes(hiddenValue(value.redacted));
    return nodeOf(path, bytes, perms);
  });
}
