import type { State } from "../engine/state.ts";
import type { RingState } from "../engine/domain_control.ts";
import { subtree } from "../store/lookup.ts";
import type { Node } from "../store/node.ts";
import type { ByteWriter } from "./byte_writer.ts";
import * as put from "./changes.ts";
import { NodeWriter } from "./node_writer.ts";

/** Bytes of one piece of an image: some hundred nodes, well under a millisecond of work. */
const PIECE_BYTES = 32_768;

/** Everything at one moment, handed out piece by piece while the store goes on changing. */
export class Image {
  readonly #nodes: Generator<[path: string, node: Node]>;

  constructor(state: State) {
    this.#nodes = subtree(state.tree.snapshot());
  }

  /** Puts the next nodes, parents first; false when there were none left. */
  next(to: ByteWriter): boolean {
    const before = to.length;
    const nodes = new NodeWriter(to);
    while (to.length - before < PIECE_BYTES) {
      const next = this.#nodes.next();
      if (next.done) break;
      nodes.whole(next.value[0], next.value[1]);
    }
    return to.length > before;
  }
}

/** Puts all but the nodes, at once: domains are few, and what a guest may register is bounded. */
export function putOthers(to: ByteWriter, state: State, rings: Iterable<RingState>): void {
  const { connections, domains, settings, specials } = state;
  put.putQuotas(to, domains.quotas);
  for (const [name, setting] of settings) put.putSetting(to, name, setting);
  for (const [path, node] of specials) put.putNode(to, path, node);
  for (const domain of domains.all()) put.putDomain(to, domain);
  for (const domain of domains.dying()) put.putDomain(to, domain);
  for (const connection of connections) {
    if (connection.key < 0) continue;
    if (connection.kind === "socket") put.putHeld(to, connection);
    const { key, transactionIdLast, transactions, watches } = connection;
    put.putTransaction(to, key, transactionIdLast, null);
    for (const open of transactions.values()) put.putTransaction(to, key, open.id, open);
    for (const watch of watches.values()) put.putWatch(to, watch);
  }
  for (const ring of rings) put.putRing(to, ring);
}
