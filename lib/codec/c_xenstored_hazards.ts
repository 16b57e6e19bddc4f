import { HAZARD_NODES_SHOWN_MAX } from "../limits.ts";
import type { StateRecord } from "../state/records.ts";
import { ownerOf } from "../store/perms.ts";
import { counted } from "../wire/counted.ts";

/**
 * What C xenstored would die of, or take wrongly, when it reads these records (reference section
 * 8.5): a line for each kind and domain; none for a stream that it reads.
 */
export function findHazards(records: Iterable<StateRecord>): string[] {
  const rings = new Set<number>();
  const domains: number[] = [];
  const owners = new Map<number, string[]>();
  const pending = new Set<number>();
  let roots = 0;
  for (const record of records) {
    if (record.kind === "connection" && record.end.kind === "ring") rings.add(record.end.domid);
    else if (record.kind === "transaction-node") pending.add(record.transaction);
    else if (record.kind === "domain") {
      if (record.quotas !== null) domains.push(record.domid);
    } else if (record.kind === "node") {
      if (record.path === "/") roots++;
      if (record.perms.length === 0) continue;
      const owner = ownerOf(record.perms);
      const paths = owners.get(owner);
      if (paths === undefined) owners.set(owner, [record.path]);
      else paths.push(record.path);
    }
  }
  const lines: string[] = [];
  if (roots !== 1) lines.push(`the root node is there ${roots} times: C xenstored wants it once`);
  for (const domid of domains) {
    if (domid === 0 || rings.has(domid)) continue;
    lines.push(
      `domain ${domid} was never introduced: C xenstored ends with "referenced domain not found"`,
    );
  }
  for (const [owner, paths] of owners) {
    if (owner === 0 || rings.has(owner)) continue;
    lines.push(
      `domain ${owner}, which was never introduced, owns ${show(paths)}: ` +
        `C xenstored ends with "write node error restoring node"`,
    );
  }
  if (pending.size > 0) {
    lines.push(
      `${
        counted(pending.size, "open transaction")
      } with nodes: C xenstored takes those for committed ones`,
    );
  }
  return lines;
}

/**
 * What C xenstored reads without dying: no nodes of transactions, which it takes for committed ones, so no
 * transactions; no domains that were never introduced (reference sections 8.2, 8.5); no unique ids, since
 * without libxenmanage they are made up, and it releases whom Xen has another of.
 */
export function* forC(
  records: Iterable<StateRecord>,
): Generator<StateRecord, void> {
  for (const record of records) {
    if (record.kind === "domain") {
      if (record.introduced !== false) yield { ...record, uniqueId: null };
    } else if (record.kind !== "transaction" && record.kind !== "transaction-node") yield record;
  }
}

function show(paths: readonly string[]): string {
  const more = paths.length - HAZARD_NODES_SHOWN_MAX;
  const shown = paths.slice(0, HAZARD_NODES_SHOWN_MAX).join(", ");
  return more > 0 ? `${shown} and ${counted(more, "more node")}` : shown;
}
