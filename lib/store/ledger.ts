import { visitAll } from "./lookup.ts";
import { type Node, nodeSize } from "./node.ts";
import { ownerOf, permDomid, type Perms } from "./perms.ts";

/** Told of every change, so that counters per domain are exact at any moment. */
export interface Ledger {
  /** `nodes` nodes and `bytes` bytes more (or fewer) are charged to the owner `domid`. */
  charge(domid: number, nodes: number, bytes: number): void;
  /** `count` entries more (or fewer), other than the owner's, name `domid`. */
  mention(domid: number, count: number): void;
}

/** Charges the owner of the node at `path` for it, or takes the charge back. */
export function account(ledger: Ledger, path: string, node: Node, sign: 1 | -1): void {
  ledger.charge(ownerOf(node.perms), sign, sign * (nodeSize(node) + path.length));
  mention(ledger, node.perms, sign);
}

/** Counts whom permissions name, for `count` nodes that have them. */
export function mention(ledger: Ledger, perms: Perms, count: number): void {
  for (let i = 1; i < perms.length; i++) ledger.mention(permDomid(perms[i]!), count);
}

/**
 * Takes a node that goes, and all below it, off its owners' accounts, telling of each; `pathLength`
 * is that of its path. Returns how many there are.
 */
export function accountRemoval(
  ledger: Ledger,
  pathLength: number,
  node: Node,
  tell: (gone: Node) => void,
): number {
  // Neighbours mostly have one owner: they are taken off together.
  let owner = ownerOf(node.perms), nodes = 0, bytes = 0, visited = 0;
  visitAll(node, pathLength, (gone, length) => {
    const domid = ownerOf(gone.perms);
    if (domid !== owner) {
      ledger.charge(owner, -nodes, -bytes);
      owner = domid;
      nodes = bytes = 0;
    }
    nodes++;
    visited++;
    bytes += nodeSize(gone) + length;
    mention(ledger, gone.perms, -1);
    tell(gone);
  });
  ledger.charge(owner, -nodes, -bytes);
  return visited;
}
