import { lookup } from "../store/lookup.ts";
import type { Node } from "../store/node.ts";
import { permDomid, type Perms } from "../store/perms.ts";
import { toText } from "../wire/text.ts";

/**
 * Which nodes are one domain's, by the paths that the toolstack gives them (xenstore-paths), and
 * what becomes of these paths when the domain gets another domid.
 */
export function domainTops(root: Node, domid: number): string[] {
  const tops = [`/local/domain/${domid}`, `/libxl/${domid}`];
  const vm = lookup(root, `/local/domain/${domid}/vm`);
  const path = vm === null ? "" : toText(vm.value);
  if (VM_PATH.test(path)) tops.push(path);
  return tops.filter((top) => lookup(root, top) !== null);
}

/** Where a guest's UUID leads to its nodes; the same whatever its domid. */
const VM_PATH = /^\/vm\/[\w\-@]+$/;
const VM_PART = /^\/vm\/[\w\-@]+(?:\/|$)/;

/** A domain as the stream calls it, and as it is called where it is restored. */
export interface DomainMapping {
  readonly from: number;
  readonly to: number;
}

/** The path that a node of the domain gets; null for one that is not the domain's. */
export function mapPath(path: string, { from, to }: DomainMapping): string | null {
  for (const above of ["/local/domain/", "/libxl/"]) {
    const top = `${above}${from}`;
    if (path === top || path.startsWith(`${top}/`)) return `${above}${to}${path.slice(top.length)}`;
  }
  return VM_PART.test(path) ? path : null;
}

/** Permissions in which the domain has its new domid. */
export function mapPerms(perms: Perms, { from, to }: DomainMapping): Perms {
  if (from === to || !perms.some((entry) => permDomid(entry) === from)) return perms;
  return perms.map((entry) => permDomid(entry) === from ? entry - from + to : entry);
}
