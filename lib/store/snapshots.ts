import type { Node } from "./node.ts";

/** Who has a snapshot open: told what that keeps in memory. */
export interface SnapshotHolder {
  /** `bytes` more are kept only because the snapshot is open. */
  pin(bytes: number): void;
}

/** A version of the tree that somebody looks at while others change the tree. */
export interface Snapshot {
  /** Nodes of this epoch and older ones are in it, as far as they were not replaced before. */
  readonly epoch: number;
  readonly root: Node;
  readonly holder: SnapshotHolder;
}

/** Growth of what is pinned, in bytes, behind which it is looked at again. */
const LOOK_BYTES = 65_536;

/**
 * The open snapshots of one store. What the store replaces stays in memory while a snapshot has it:
 * each holder is told of each node once, since what takes its place is younger than the snapshot.
 */
export class Snapshots {
  /** By age, the oldest first. */
  readonly #open: Snapshot[] = [];
  #grown = 0;

  /** All that are open, the oldest first. */
  get open(): readonly Snapshot[] {
    return this.#open;
  }

  add(epoch: number, root: Node, holder: SnapshotHolder): Snapshot {
    const snapshot = { epoch, root, holder };
    this.#open.push(snapshot);
    return snapshot;
  }

  drop(snapshot: Snapshot): void {
    const index = this.#open.indexOf(snapshot);
    if (index >= 0) this.#open.splice(index, 1);
  }

  /** The store has replaced a node of `epoch` that took `bytes`. */
  replaced(epoch: number, bytes: number): void {
    const open = this.#open;
    for (let i = open.length - 1; i >= 0 && open[i]!.epoch >= epoch; i--) {
      open[i]!.holder.pin(bytes);
      this.#grown += bytes;
    }
  }

  /** Whether so much was pinned since the last time that somebody should look at it. */
  takeGrown(): boolean {
    if (this.#grown < LOOK_BYTES) return false;
    this.#grown = 0;
    return true;
  }
}
