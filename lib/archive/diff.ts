import type * as records from "../state/records.ts";
import { isSameNode } from "../store/difference.ts";
import { NO_VALUE } from "../store/node.ts";
import type { Perms } from "../store/perms.ts";
import { hiddenValue, isHiddenValue } from "../store/redaction.ts";
import { toBytes, toText } from "../wire/text.ts";
import type { Archive } from "./archive.ts";
import { connectionLabel } from "../codec/text.ts";

/** A node's value and permissions. */
export interface NodeSide {
  readonly value: Uint8Array;
  readonly perms: Perms;
}

/** One thing that is not the same in two archives; null where it is not there. */
export type Difference =
  | {
    readonly kind: "node";
    readonly path: string;
    readonly before: NodeSide | null;
    readonly after: NodeSide | null;
  }
  | {
    readonly kind: "watch" | "transaction" | "domain" | "quota";
    /** Its owner, or its name: what tells it from others of its kind. */
    readonly name: string;
    readonly before: string | null;
    readonly after: string | null;
  };

/** All nodes with their paths, and all else by kind and name, as text that can be compared. */
interface Picture {
  readonly nodes: Map<string, NodeSide>;
  readonly others: Record<"watch" | "transaction" | "domain" | "quota", Map<string, string>>;
}

/**
 * What differs between two archives: nodes in order of their paths, then watches, transactions,
 * domains and quotas. Where one of them has nodes only, only nodes are compared.
 */
export function diffArchives(before: Archive, after: Archive): Difference[] {
  const left = pictureOf(before.records), right = pictureOf(after.records);
  hide([...before.hidden ?? [], ...after.hidden ?? []], left.nodes, right.nodes);
  const found: Difference[] = [...diffNodes(left.nodes, right.nodes)];
  if (before.nodesOnly || after.nodesOnly) return found;
  for (const kind of ["watch", "transaction", "domain", "quota"] as const) {
    found.push(...diffOthers(kind, left.others[kind], right.others[kind]));
  }
  return found;
}

/** What is hidden on one side is hidden on the other, so that only lengths are compared. */
function hide(paths: readonly string[], ...sides: readonly Map<string, NodeSide>[]): void {
  for (const path of paths) {
    for (const nodes of sides) {
      const node = nodes.get(path);
      if (node === undefined || isHiddenValue(toText(node.value))) continue;
      nodes.set(path, { ...node, value: toBytes(hiddenValue(node.value.length)) });
    }
  }
}

function diffNodes(
  left: ReadonlyMap<string, NodeSide>,
  right: ReadonlyMap<string, NodeSide>,
): Difference[] {
  const found: Difference[] = [];
  for (const [path, before] of left) {
    const after = right.get(path) ?? null;
    if (after === null || !isSameNode(before, after)) {
      found.push({ kind: "node", path, before, after });
    }
  }
  for (const [path, after] of right) {
    if (!left.has(path)) found.push({ kind: "node", path, before: null, after });
  }
  const keyed = found.map((difference) => ({ key: sortKey(difference), difference }));
  return keyed.sort((a, b) => a.key < b.key ? -1 : 1).map(({ difference }) => difference);
}

/** A slash sorts before all that names are made of, so that children follow their parent. */
function sortKey(difference: Difference): string {
  return difference.kind === "node" ? difference.path.replaceAll("/", "\x01") : "";
}

function diffOthers(
  kind: "watch" | "transaction" | "domain" | "quota",
  left: ReadonlyMap<string, string>,
  right: ReadonlyMap<string, string>,
): Difference[] {
  const found: Difference[] = [];
  for (const name of new Set([...left.keys(), ...right.keys()])) {
    const before = left.get(name) ?? null, after = right.get(name) ?? null;
    if (before !== after) found.push({ kind, name, before, after });
  }
  return found;
}

function pictureOf(all: readonly records.StateRecord[]): Picture {
  const nodes = new Map<string, NodeSide>();
  const others = {
    watch: new Map<string, string>(),
    transaction: new Map<string, string>(),
    domain: new Map<string, string>(),
    quota: new Map<string, string>(),
  };
  const owners = new Map<number, string>();
  for (const record of all) {
    switch (record.kind) {
      case "node":
        nodes.set(record.path, { value: record.value, perms: record.perms });
        break;
      case "connection":
        owners.set(record.id, ownerName(record));
        break;
      case "watch":
        count(others.watch, watchName(record, owners.get(record.connection) ?? "?"));
        break;
      case "transaction":
        count(others.transaction, `${record.id} of ${owners.get(record.connection) ?? "?"}`);
        break;
      case "quota":
        for (const values of [record.domain, record.global]) {
          for (const [name, value] of values) others.quota.set(name, `${value}`);
        }
        break;
      case "special":
        nodes.set(record.path, { value: NO_VALUE, perms: record.perms });
        break;
      case "domain":
        putDomain(others.domain, record);
        break;
    }
  }
  return { nodes, others };
}

/** The numbers of sockets mean nothing elsewhere: all of them are one owner. */
function ownerName(record: records.Connection): string {
  return record.end.kind === "ring" ? connectionLabel(record) : "a socket";
}

function watchName({ depth, path, token }: records.Watch, owner: string): string {
  const limit = Number.isFinite(depth) ? ` to depth ${depth}` : "";
  return `${path} ${JSON.stringify(token)}${limit} of ${owner}`;
}

/** Things of one name are told apart by how many there are. */
function count(map: Map<string, string>, name: string): void {
  const before = /^(\d+) times$/.exec(map.get(name) ?? "");
  if (!map.has(name)) map.set(name, "once");
  else map.set(name, `${before === null ? 2 : Number(before[1]) + 1} times`);
}

function putDomain(map: Map<string, string>, domain: records.Domain): void {
  const { domid, features, introduced, quotas, shutdownSeen, target, uniqueId } = domain;
  if (quotas !== null) {
    map.set(`${domid} features`, `${features}`);
    for (const [name, value] of quotas) map.set(`${domid} quota ${name}`, `${value}`);
  }
  if (introduced === null) return;
  map.set(`${domid}`, introduced ? "introduced" : "never introduced");
  map.set(`${domid} unique id`, `${uniqueId}`);
  if (shutdownSeen) map.set(`${domid} shutdown`, "seen");
  if (target !== null) map.set(`${domid} target`, `${target}`);
}
