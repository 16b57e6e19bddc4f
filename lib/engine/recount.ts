import { Accounts, type Counted } from "./accounts.ts";
import { visitAll } from "../store/lookup.ts";
import { nodeSize } from "../store/node.ts";
import { ROOT_PATH } from "../store/path.ts";
import { ownerOf, permDomid } from "../store/perms.ts";
import { CONNECTION_BYTES, watchOverhead } from "./memory_model.ts";
import type { State } from "./state.ts";

/** Counts again all that the counters say, from what is really there. */
export function recount(state: State): Accounts {
  const accounts = new Accounts();
  // Neighbours mostly have one owner: they are charged together.
  let owner = state.privDomid, nodes = 0, bytes = 0;
  visitAll(state.tree.root, ROOT_PATH.length, (node, pathLength) => {
    const { perms } = node;
    const domid = ownerOf(perms);
    if (domid !== owner) {
      accounts.charge(owner, nodes, bytes);
      owner = domid;
      nodes = bytes = 0;
    }
    nodes++;
    bytes += nodeSize(node) + pathLength;
    for (let i = 1; i < perms.length; i++) accounts.mention(permDomid(perms[i]!), 1);
  });
  accounts.charge(owner, nodes, bytes);
  recountOthers(state, accounts);
  return accounts;
}

/** Counts into `accounts` all that is no node of the tree. */
export function recountOthers(state: State, accounts: Accounts): void {
  for (const [path, { perms }] of state.specials) {
    accounts.charge(ownerOf(perms), 1, 16 + 8 * perms.length + path.length);
    for (const entry of perms.slice(1)) accounts.mention(permDomid(entry), 1);
  }
  for (const connection of state.connections) {
    const account = accounts.of(connection.domid);
    account.add("watches", connection.watches.size);
    account.add("transactions", connection.transactions.size);
    for (const { path, token } of connection.watches.values()) {
      account.add("memory", path.length + token.length);
      account.hold(watchOverhead(path));
    }
    for (const { bytesCharged, overheadCharged, pinned } of connection.transactions.values()) {
      account.add("memory", bytesCharged);
      account.hold(overheadCharged);
      account.pin(pinned);
    }
    account.hold(CONNECTION_BYTES);
  }
  countOutstanding(state, accounts);
}

/** Requests whose reply, or an event that they caused, waits at some connection. */
function countOutstanding({ connections }: State, accounts: Accounts): void {
  const seen = new Set<object>();
  for (const { outbox } of connections) {
    outbox.outstanding?.((connection, request) => {
      if (!connection.open || request !== null && seen.has(request)) return;
      if (request !== null) seen.add(request);
      accounts.of(connection.domid).add("outstanding", 1);
    });
  }
}

const RECOUNTED: readonly Counted[] = [
  "nodes",
  "watches",
  "outstanding",
  "transactions",
  "memory",
];

/** CONTROL check: every counter that is off is reported, and set right. */
export function check(state: State): string[] {
  const findings: string[] = [];
  const counted = recount(state);
  for (const domid of new Set([...counted.domids(), ...state.accounts.domids()])) {
    const account = state.accounts.of(domid);
    const { held, pinned } = counted.of(domid);
    account.hold(held - account.held);
    account.pin(pinned - account.pinned);
    for (const what of RECOUNTED) {
      const off = account.now[what] - counted.of(domid).now[what];
      if (off === 0) continue;
      findings.push(`Correct accounting data for domain ${domid}: ${what} are ${off} off`);
      account.add(what, -off);
    }
  }
  for (const domid of new Set([...counted.mentioned(), ...state.accounts.mentioned()])) {
    state.accounts.setMentions(domid, counted.mentionsOf(domid));
  }
  return findings;
}
