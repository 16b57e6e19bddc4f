import { IMAGE_PIECE_BYTES } from "../limits.ts";
import type { State } from "../engine/state.ts";
import { domainRecord, quotaRecord } from "../persist/domain_records.ts";
import type { RingState } from "../state/ring_state.ts";
import type { Watch } from "../engine/watches.ts";
import { TreeWalk } from "../store/tree_walk.ts";
import { ByteWriter } from "../codec/journal/byte_writer.ts";
import * as put from "../codec/journal/changes.ts";
import { NodeWriter } from "../codec/journal/node_writer.ts";

/**
 * Everything at one moment, handed out piece by piece while the store goes on changing: the nodes from
 * a snapshot, watches from a list, since neither changes, and all else as it was written down at the beginning.
 */
export class Image {
  readonly #walk: TreeWalk;
  readonly #others = new ByteWriter(IMAGE_PIECE_BYTES);
  /** Where in the others their pieces end. */
  readonly #ends: number[] = [];
  #piecesTaken = 0;
  /** A guest may have a quarter of a megabyte of them: to write them all at once would take milliseconds. */
  readonly #watches: Watch[] = [];
  #watchesPut = 0;

  constructor(state: State, rings: Iterable<RingState>) {
    this.#walk = new TreeWalk(state.tree.snapshot());
    let start = 0;
    for (const _ of putOthers(this.#others, state, rings)) {
      if (this.#others.length - start < IMAGE_PIECE_BYTES) continue;
      start = this.#others.length;
      this.#ends.push(start);
    }
    if (this.#others.length > start) this.#ends.push(this.#others.length);
    for (const { key, watches } of state.connections) {
      if (key >= 0) { for (const watch of watches.values()) this.#watches.push(watch); }
    }
  }

  /** Puts the next of it, of nodes the parents first; false when there was nothing left. */
  next(to: ByteWriter): boolean {
    if (this.#piecesTaken < this.#ends.length) {
      const from = this.#piecesTaken === 0 ? 0 : this.#ends[this.#piecesTaken - 1]!;
      to.raw(this.#others.written.subarray(from, this.#ends[this.#piecesTaken++]!));
      return true;
    }
    const before = to.length;
    const watches = this.#watches;
    while (this.#watchesPut < watches.length && to.length - before < IMAGE_PIECE_BYTES) {
      const watch = watches[this.#watchesPut++]!;
      put.putWatch(to, watch.connection.key, watch);
    }
    if (to.length === before) this.#putNodes(to);
    return to.length > before;
  }

  #putNodes(to: ByteWriter): void {
    const before = to.length;
    const nodes = new NodeWriter(to);
    const walk = this.#walk;
    while (to.length - before < IMAGE_PIECE_BYTES && walk.next()) {
      nodes.walked(walk, to.length === before);
    }
  }
}

/** Puts all but nodes and watches, and yields behind each change: of a guest's there may be many, and long ones. */
function* putOthers(
  to: ByteWriter,
  state: State,
  rings: Iterable<RingState>,
): Generator<void, void> {
  const { connections, domains, settings, specials } = state;
  yield put.putQuotas(to, quotaRecord(domains.quotas).domain);
  for (const setting of settings) yield put.putSetting(to, setting.name, setting);
  for (const [path, node] of specials) yield put.putNode(to, path, node);
  for (const domain of domains.all()) yield put.putDomain(to, domainRecord(domain));
  for (const domain of domains.dying()) yield put.putDomain(to, domainRecord(domain));
  for (const connection of connections) {
    if (connection.key < 0) continue;
    if (connection.kind === "socket") yield put.putHeld(to, connection);
    const { key, transactionIdLast, transactions } = connection;
    yield put.putTransaction(to, key, transactionIdLast, null);
    for (const open of transactions.values()) yield put.putTransaction(to, key, open.id, open);
  }
  for (const ring of rings) yield put.putRing(to, ring);
}
