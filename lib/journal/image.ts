import type { State } from "../engine/state.ts";
import type { RingState } from "../engine/domain_control.ts";
import { subtree } from "../store/lookup.ts";
import type { Node } from "../store/node.ts";
import { ByteWriter } from "./byte_writer.ts";
import * as put from "./changes.ts";
import { NodeWriter } from "./node_writer.ts";

/** Bytes of one piece of an image: some hundred nodes, well under a millisecond of work. */
const PIECE_BYTES = 32_768;

/**
 * Everything at one moment, handed out piece by piece while the store goes on changing: the nodes from
 * a snapshot, all else as it was written down at the beginning.
 */
export class Image {
  readonly #nodes: Generator<[path: string, node: Node]>;
  readonly #others = new ByteWriter(PIECE_BYTES);
  /** Where in the others their pieces end. */
  readonly #ends: number[] = [];
  #piecesTaken = 0;

  constructor(state: State, rings: Iterable<RingState>) {
    this.#nodes = subtree(state.tree.snapshot());
    let start = 0;
    for (const _ of putOthers(this.#others, state, rings)) {
      if (this.#others.length - start < PIECE_BYTES) continue;
      start = this.#others.length;
      this.#ends.push(start);
    }
    if (this.#others.length > start) this.#ends.push(this.#others.length);
  }

  /** Puts the next of it, of nodes the parents first; false when there was nothing left. */
  next(to: ByteWriter): boolean {
    const before = to.length;
    if (this.#piecesTaken < this.#ends.length) {
      const from = this.#piecesTaken === 0 ? 0 : this.#ends[this.#piecesTaken - 1]!;
      to.raw(this.#others.written.subarray(from, this.#ends[this.#piecesTaken++]!));
      return true;
    }
    const nodes = new NodeWriter(to);
    while (to.length - before < PIECE_BYTES) {
      const next = this.#nodes.next();
      if (next.done) break;
      nodes.whole(next.value[0], next.value[1]);
    }
    return to.length > before;
  }
}

/** Puts all but the nodes, and yields behind each change: of a guest's there may be many, and long ones. */
function* putOthers(
  to: ByteWriter,
  state: State,
  rings: Iterable<RingState>,
): Generator<void, void> {
  const { connections, domains, settings, specials } = state;
  yield put.putQuotas(to, domains.quotas);
  for (const [name, setting] of settings) yield put.putSetting(to, name, setting);
  for (const [path, node] of specials) yield put.putNode(to, path, node);
  for (const domain of domains.all()) yield put.putDomain(to, domain);
  for (const domain of domains.dying()) yield put.putDomain(to, domain);
  for (const connection of connections) {
    if (connection.key < 0) continue;
    if (connection.kind === "socket") yield put.putHeld(to, connection);
    const { key, transactionIdLast, transactions, watches } = connection;
    yield put.putTransaction(to, key, transactionIdLast, null);
    for (const open of transactions.values()) yield put.putTransaction(to, key, open.id, open);
    for (const watch of watches.values()) yield put.putWatch(to, watch);
  }
  for (const ring of rings) yield put.putRing(to, ring);
}
