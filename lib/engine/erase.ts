import { listChildren } from "../store/children.ts";
import type { Node } from "../store/node.ts";
import { childPath, ROOT_PATH } from "../store/path.ts";
import { ownerOf, permDomid, type Perms, withOwner } from "../store/perms.ts";
import { deliver, type DueEvent } from "./events.ts";
import type { State } from "./state.ts";

/** Who is named where a dead domain's nodes are removed. */
const ORIGIN = { label: "the death of their domain" };

/**
 * Removes a dead domain from the store: its nodes with all below them, as by RM, and its
 * entries in other nodes' permissions, silently. The next holder of the domid must inherit
 * nothing (XSA-322, XSA-419). The counters tell when there is nothing more to be found.
 */
export function eraseDomid(state: State, domid: number): void {
  const account = state.accounts.of(domid);
  const done = (): boolean => account.now.nodes <= 0 && state.accounts.mentionsOf(domid) <= 0;
  eraseFromSpecials(state, domid);
  const pending: [path: string, node: Node][] = [];
  // Most of what a domain leaves behind is in its home, so that goes first.
  for (const path of [`/local/domain/${domid}`, ROOT_PATH]) {
    const node = done() ? null : state.find(path);
    if (node !== null) pending.push([path, node]);
    for (let next = pending.pop(); next !== undefined && !done(); next = pending.pop()) {
      const below = erase(state, next[0], next[1], domid);
      for (let i = below.length - 1; i >= 0; i--) {
        pending.push([childPath(next[0], below[i]!.name), below[i]!]);
      }
    }
    pending.length = 0;
  }
}

/** Deals with one node; returns the children to look at next. */
function erase(state: State, path: string, node: Node, domid: number): Node[] {
  if (ownerOf(node.perms) === domid && path !== ROOT_PATH && !state.keepOrphans) {
    const due: DueEvent[] = [];
    state.events.ofRemoval(state.tree.root, path, due);
    state.tree.remove(path, ORIGIN);
    deliver(due);
    return [];
  }
  const below = listChildren(node.children);
  const perms = without(state, node.perms, domid);
  if (perms !== node.perms) state.tree.amendPerms(path, perms);
  return below;
}

/**
 * The permissions without entries for `domid`. The root and the specials, which can't be
 * removed with their owner, fall to the privileged domain; so do all others, where orphans are kept.
 */
function without(state: State, perms: Perms, domid: number): Perms {
  const kept = perms.filter((entry, index) => index === 0 || permDomid(entry) !== domid);
  if (ownerOf(perms) === domid) return withOwner(kept, state.privDomid);
  return kept.length === perms.length ? perms : kept;
}

function eraseFromSpecials(state: State, domid: number): void {
  for (const [path, node] of state.specials) {
    const perms = without(state, node.perms, domid);
    if (perms === node.perms) continue;
    state.chargeSpecial(path, node.perms, -1);
    state.chargeSpecial(path, perms, 1);
    node.perms = perms;
    state.dirty?.special(path);
  }
}
