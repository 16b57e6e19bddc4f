import { PINNED_LOOK_BYTES, SNAPSHOTS_REPORTED_AT_ONCE_MAX } from "../limits.ts";
import type { Node } from "./node.ts";

/** Who has a snapshot open: told what that keeps in memory. */
export interface SnapshotHolder {
  /** `bytes` more are kept only because the snapshot is open. */
  pin(bytes: number): void;
}

/** A version of the tree that is read while clients change the tree. */
export interface Snapshot {
  /** Nodes of this epoch and older ones are in it, as far as they were not replaced before. */
  readonly epoch: number;
  readonly root: Node;
  readonly holder: SnapshotHolder;
}

/**
 * The open snapshots of one store. What the store replaces stays in memory while a snapshot has it:
 * each holder is told of each node once, since what takes its place is younger than the snapshot; where
 * many are open, behind the request, of all its nodes together.
 */
export class Snapshots {
  /** By age, the oldest first. */
  readonly #open: Snapshot[] = [];
  #grown = 0;
  /** Bytes that were replaced and of which no holder has been told, by their nodes' epochs. */
  readonly #unreported = new Map<number, number>();

  /** All that are open, the oldest first. */
  get open(): readonly Snapshot[] {
    return this.#open;
  }

  add(epoch: number, root: Node, holder: SnapshotHolder): Snapshot {
    this.#settle();
    const snapshot = { epoch, root, holder };
    this.#open.push(snapshot);
    return snapshot;
  }

  drop(snapshot: Snapshot): void {
    this.#settle();
    const index = this.#open.indexOf(snapshot);
    if (index >= 0) this.#open.splice(index, 1);
  }

  /** The store has replaced a node of `epoch` that took `bytes`. */
  replaced(epoch: number, bytes: number): void {
    const open = this.#open;
    const newest = open.length - 1;
    if (newest < 0 || open[newest]!.epoch < epoch) return;
    if (newest < SNAPSHOTS_REPORTED_AT_ONCE_MAX) {
      for (let i = newest; i >= 0 && open[i]!.epoch >= epoch; i--) this.#tell(open[i]!, bytes);
    } else {
      this.#unreported.set(epoch, (this.#unreported.get(epoch) ?? 0) + bytes);
    }
  }

  #tell({ holder }: Snapshot, bytes: number): void {
    holder.pin(bytes);
    this.#grown += bytes;
  }

  /** Tells each holder once what was replaced: a request may replace a thousand nodes of a thousand snapshots. */
  #settle(): void {
    const unreported = this.#unreported;
    if (unreported.size === 0) return;
    const epochs = [...unreported.keys()].sort((a, b) => a - b);
    let at = 0, bytes = 0;
    for (const snapshot of this.#open) {
      for (; at < epochs.length && epochs[at]! <= snapshot.epoch; at++) {
        bytes += unreported.get(epochs[at]!)!;
      }
      if (bytes > 0) this.#tell(snapshot, bytes);
    }
    unreported.clear();
  }

  /** Whether so much was pinned that its owner should look at it. */
  takeGrown(): boolean {
    this.#settle();
    if (this.#grown < PINNED_LOOK_BYTES) return false;
    this.#grown = 0;
    return true;
  }
}
