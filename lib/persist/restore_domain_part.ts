import type { Connection } from "../engine/connection.ts";
import type { Domain } from "../engine/domains.ts";
import { deliver, type DueEvent } from "../engine/event_readers.ts";
import type { QuotaName } from "../engine/quotas.ts";
import type { State } from "../engine/state.ts";
import { RESTORE_PART_NODES_MAX } from "../limits.ts";
import { nodeSize } from "../store/node.ts";
import { parentPath, ROOT_PATH } from "../store/path.ts";
import { asStale, DOMID_ANY, equalPerms, ownerOf, permDomid, type Perms } from "../store/perms.ts";
import { equalBytes, toText } from "../wire/text.ts";
import type { DomainMapping } from "../state/domain_part.ts";
import {
  type CheckedRecords,
  type PartNode,
  RecordError,
  RESTORED,
} from "../state/checked_records.ts";
import type { Connection as ConnectionRecord } from "../state/records.ts";
import type { Holding } from "../state/store_records.ts";
import { attach } from "./build_state.ts";
import { counted } from "../wire/counted.ts";

/** Gives a ring what was in flight on it in the stream; false where that cannot be done. */
export type Inherit = (connection: Connection, record: ConnectionRecord) => boolean;

/** What came of one domain's part. */
export interface PartReport {
  /** Nodes made or changed, and those that were already as in the stream. */
  readonly nodes: number;
  readonly same: number;
  readonly watches: number;
  readonly transactions: number;
  /** A line for each thing that was left out, and why. */
  readonly leftOut: readonly string[];
}

/**
 * Restores one domain's part into a living store, where the domain is `mapping.to`: all of it or,
 * with a RecordError, nothing. Nodes are made or overwritten, none is removed. `check` only looks
 * whether it could be done.
 *
 * @throws {RecordError} when it cannot.
 */
export function restorePart(
  state: State,
  all: CheckedRecords,
  mapping: DomainMapping,
  options: { check: boolean; overQuota: boolean; inherit: Inherit },
): PartReport {
  const domain = checkPart(state, all, mapping, options.overQuota);
  const leftOut: string[] = [];
  const nodes = nodesToRestore(state, all, leftOut);
  const held = heldBy(all, mapping);
  const changing = nodes.filter((node) => differs(state, node));
  const report = {
    nodes: changing.length,
    same: nodes.length - changing.length,
    watches: domain.connection === null ? 0 : held?.watches.size ?? 0,
    transactions: domain.connection === null ? 0 : held?.transactions.size ?? 0,
    leftOut,
  };
  noteValues(nodes, mapping, leftOut);
  noteConnection(domain, held, leftOut);
  if (options.check) return report;
  const due: DueEvent[] = [];
  for (const node of changing) putNode(state, node, due);
  deliver(due);
  if (held !== null && domain.connection !== null) {
    restoreConnection(state, domain.connection, held, options.inherit, leftOut);
  }
  return report;
}

function heldBy(all: CheckedRecords, { from }: DomainMapping): Holding | null {
  return all.rings().get(from) ?? null;
}

function checkPart(
  state: State,
  all: CheckedRecords,
  { from, to }: DomainMapping,
  overQuota: boolean,
): Domain {
  const domain = state.domains.know(to);
  if (domain === null) throw new RecordError(`there is no domain ${to} on this host`);
  if (all.nodes > RESTORE_PART_NODES_MAX) {
    throw new RecordError(
      `domain ${from} has ${
        counted(all.nodes, "node")
      } in it: a part may have ${RESTORE_PART_NODES_MAX}`,
    );
  }
  if (overQuota || to === state.privDomid) return domain;
  const added = addedTo(state, all, to);
  const { now } = state.accounts.of(to);
  const held = heldBy(all, { from, to });
  const wanted: [QuotaName, number][] = [
    ["nodes", now.nodes + added.nodes],
    ["memory", now.memory + added.memory],
    ["node-size", added.biggest],
    ["node-permissions", added.perms],
    ["watches", now.watches + (held?.watches.size ?? 0)],
    ["transactions", now.transactions + (held?.transactions.size ?? 0)],
  ];
  for (const [name, value] of wanted) {
    if (!domain.quotas.exceeded(name, value)) continue;
    throw new RecordError(
      `domain ${to} would have ${name} ${value}, its quota is ${domain.quotas.get(name)}: ` +
        "raise the quota, or restore with --over-quota",
    );
  }
  return domain;
}

/** What a domain would own more than now. */
function addedTo(
  state: State,
  all: CheckedRecords,
  domid: number,
): { nodes: number; memory: number; biggest: number; perms: number } {
  const added = { nodes: 0, memory: 0, biggest: 0, perms: 0 };
  for (const { path, perms, value } of all.part) {
    if (ownerOf(perms) !== domid) continue;
    const size = 16 + 8 * perms.length + value.length;
    added.biggest = Math.max(added.biggest, size);
    added.perms = Math.max(added.perms, perms.length);
    const before = state.find(path);
    const owned = before !== null && ownerOf(before.perms) === domid;
    if (!owned) added.nodes++;
    added.memory += size + path.length - (owned ? nodeSize(before) + path.length : 0);
  }
  return added;
}

/** The nodes without those of domains that are not there, and without what is below these. */
function nodesToRestore(state: State, all: CheckedRecords, leftOut: string[]): PartNode[] {
  const restored: PartNode[] = [];
  const gone = new Set<string>();
  const counts = new Map<number, number>();
  for (const node of all.part) {
    const owner = ownerOf(node.perms);
    if (!isThere(state, owner) || gone.has(parentPath(node.path))) {
      gone.add(node.path);
      counts.set(owner, (counts.get(owner) ?? 0) + 1);
    } else restored.push({ ...node, perms: freshPerms(state, node.perms) });
  }
  for (const [domid, count] of counts) {
    leftOut.push(`${counted(count, "node")} of domain ${domid}, which is not there`);
  }
  if (all.others > 0) leftOut.push(`${counted(all.others, "node")} not of the domain`);
  return restored;
}

function isThere(state: State, domid: number): boolean {
  return domid === DOMID_ANY || state.domains.know(domid) !== null;
}

function freshPerms(state: State, perms: Perms): Perms {
  return perms.map((entry, i) =>
    i === 0 || isThere(state, permDomid(entry)) ? entry : asStale(entry)
  );
}

function differs(state: State, { path, perms, value }: PartNode): boolean {
  const node = state.find(path);
  return node === null || !equalPerms(node.perms, perms) || !equalBytes(node.value, value);
}

function putNode(state: State, { path, perms, value }: PartNode, due: DueEvent[]): void {
  const { tree } = state;
  const before = state.find(path);
  if (before === null) makeMissing(state, path, perms);
  else if (!equalPerms(before.perms, perms)) tree.setPerms(path, perms, RESTORED);
  if (!equalBytes(state.find(path)!.value, value)) tree.setValue(path, value, RESTORED);
  state.events.ofChange(tree.root, path, before?.perms ?? null, due);
}

/** Makes a node, and parents that are missing as a write of the privileged domain makes them. */
function makeMissing(state: State, path: string, perms: Perms): void {
  const missing: string[] = [];
  let above = parentPath(path);
  for (; above !== ROOT_PATH && state.find(above) === null; above = parentPath(above)) {
    missing.push(above);
  }
  const inherited = state.find(above)!.perms;
  while (missing.length > 0) state.tree.create(missing.pop()!, inherited, RESTORED);
  state.tree.create(path, perms, RESTORED);
}

/** Values are left as they are: only who wrote one knows what it means. */
function noteValues(
  nodes: readonly PartNode[],
  { from, to }: DomainMapping,
  to_: string[],
): void {
  if (from === to) return;
  const name = new RegExp(`/(?:domain|libxl|[a-z]+)/${from}(?:/|$)`);
  const named = nodes.filter(({ value }) => value.length < 256 && name.test(toText(value)));
  if (named.length === 0) return;
  to_.push(
    `the values of ${counted(named.length, "node")} still name paths of domain ${from}, such as ${
      named[0]!.path
    }`,
  );
}

function noteConnection(domain: Domain, held: Holding | null, to: string[]): void {
  if (held === null || domain.connection !== null) return;
  const { transactions, watches } = held;
  to.push(
    `${counted(watches.size, "watch")} and ${counted(transactions.size, "transaction")}: ` +
      `domain ${domain.domid} has no ring here yet`,
  );
}

function restoreConnection(
  state: State,
  connection: Connection,
  held: Holding,
  inherit: Inherit,
  leftOut: string[],
): void {
  attach(state, connection, held);
  const { input, output } = held.record;
  if (input.length + output.length === 0 || inherit(connection, held.record)) return;
  leftOut.push(`${input.length} bytes of requests and ${output.length} bytes of replies in flight`);
}
