import { Snapshots } from "./snapshots.ts";
import type { Perms } from "./perms.ts";

/** Takes note of work done, in units: the engine's meter. */
export interface WorkSink {
  add(units: number): void;
}

const UNMETERED: WorkSink = { add: () => {} };

/** What all versions of one store share. */
export class Versions {
  #epoch = 0;
  /** Rises with every change of any node. */
  generation = 0;
  /** What a node that is made with these permissions gets of them, while domains are dying. */
  living: ((perms: Perms) => Perms) | null = null;

  /** Versions that are read. */
  readonly snapshots: Snapshots = new Snapshots();

  /** `meter` is told of the work that changes take. */
  constructor(readonly meter: WorkSink = UNMETERED) {}

  /** Counts on behind other versions, of which a tree becomes one of these. */
  follow(other: Versions): void {
    this.#epoch = Math.max(this.#epoch, other.#epoch);
    this.generation = Math.max(this.generation, other.generation);
  }

  /** An epoch that nobody has. */
  nextEpoch(): number {
    return ++this.#epoch;
  }
}
