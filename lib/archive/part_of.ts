import { mapPath } from "../state/domain_part.ts";
import type { Node, StateRecord } from "../state/records.ts";
import { toText } from "../wire/text.ts";

/** The records of one domain: the same that a daemon gives for a dump of that domain alone. */
export function partOf(records: readonly StateRecord[], domid: number): StateRecord[] {
  const mapping = { from: domid, to: domid };
  const vm = vmPathOf(records, domid);
  const ids = new Set<number>();
  return records.filter((record) => {
    switch (record.kind) {
      case "node": {
        if (mapPath(record.path, mapping) === null) return false;
        const isVm = record.path.startsWith("/vm/");
        return !isVm || record.path === vm || record.path.startsWith(`${vm}/`);
      }
      case "connection":
        if (record.end.kind !== "ring" || record.end.domid !== domid) return false;
        ids.add(record.id);
        return true;
      case "domain":
        return record.domid === domid;
      case "watch":
      case "transaction":
      case "transaction-node":
        return ids.has(record.connection);
      default:
        return false;
    }
  });
}

function vmPathOf(records: readonly StateRecord[], domid: number): string | null {
  const path = `/local/domain/${domid}/vm`;
  const node = records.find((record): record is Node =>
    record.kind === "node" && record.path === path
  );
  return node === undefined ? null : toText(node.value);
}
