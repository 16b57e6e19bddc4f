import { mapPath } from "../state/domain_part.ts";
import type { Node, StateRecord } from "../state/records.ts";
import { toText } from "../wire/text.ts";

/** What of the records is one domain's: as a daemon asked for that domain alone would write it. */
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
