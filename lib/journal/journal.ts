import type { Dirty } from "../engine/dirty.ts";
import type { RingState } from "../state/ring_state.ts";
import type { State } from "../engine/state.ts";
import type { Node } from "../store/node.ts";
import { Redaction } from "../store/redaction.ts";
import type { Caution } from "./caution.ts";
import type { HeldConnections, Recovered } from "./recovery.ts";
import { NO_TURNS, type Rider } from "./rider.ts";

/** Where images of everything come from. */
export interface ImageSource {
  readonly state: State;
  /** All rings and held sockets as they are now, whole. */
  rings(): Iterable<RingState>;
}

/** Texts by their names. */
export interface Notes {
  get(name: string): string | null;
  /** @throws {Error} when there is no space. */
  set(name: string, value: string): void;
}

/** How the last daemon of a store has ended, or that this one is the first after a boot of the host. */
export type Before = "end" | "death" | "boot";

/**
 * Where a turn's changes are made durable. The turn calls {@link Journal.commit} once, after all
 * requests and before the first byte of any reply or event leaves the process.
 */
export interface Journal {
  /** What rides with the turns; null for nothing. To be set before all else. */
  rider: Rider | null;
  /** Which values have to be out of all files soon after they are overwritten or removed; to be set likewise. */
  redaction: Redaction;
  /** Notes about the store, in its file: by `id` what store it is; null where there is no file. */
  readonly about: Notes | null;
  /**
   * Makes everything that was changed since the last commit durable. False when that failed: the
   * turn then holds all output back and tries again.
   */
  commit(): boolean;
  /** Each commit waits for the disk: the more a turn does, the better. */
  readonly syncs: boolean;
  /** There is no space for more: what would change something is refused (State.full). */
  readonly full: boolean;
  /** Where everything that must survive is marked when it changes; null when nothing must. */
  readonly dirty: Dirty | null;
  /** Bytes of turns that no image has yet: what recovery would do again. */
  readonly pendingBytes: number;
  /**
   * Brings a fresh state to where the last life ended; null when there was none. Sockets that
   * were held go on as far as `held` has them; guests' watches only as `caution` allows.
   */
  recover(state: State, held?: HeldConnections, caution?: Caution): Recovered | null;
  /**
   * From now on what is told counts. A store that is empty gets its first image at once; with `makesImage`,
   * so does any, and what was in it before counts no more, from one moment to the next.
   */
  begin(source: ImageSource, makesImage?: boolean): void;
  /**
   * A node of a tree that may come to take the place of the present one: parents first, the root
   * first of all. It counts from {@link adoptStaged} on, or never.
   */
  stage(path: string, node: Node): void;
  /** From this turn on the tree that was staged is the store's. */
  adoptStaged(): void;
  /** The tree was given up, or (`heard`) all watchers have heard what its adoption changed. */
  endStaging(heard: boolean): void;
  /** Rings have a life beyond the process: how far each has been served must be told. */
  readonly keepsRings: boolean;
  /** A ring of which bytes were taken, or to which bytes are owed, in this turn. */
  ring(ring: RingState): void;
  /**
   * A slice of the work that nobody waits for. True when there is more; unless `idle`, only what
   * is overdue is done.
   */
  maintain(idle: boolean): boolean;
  /** There was more to be done than {@link maintain} just did: in the turn that follows busy clients wait. */
  readonly isBehind: boolean;
  /** Gives up memory that it only keeps for reuse: the daemon is idle. */
  dropSpare(): void;
  /** When to call it again even if nothing happens, by the clock; Infinity for not before. */
  readonly maintainAt: number;
  /** What rides with the turns is brought to where it outlives the process, as far as that can be written. */
  settle(): void;
  /**
   * Takes what has ridden with turns out of all files, in steps; the rider has it.
   *
   * @throws {Error} when that cannot be written.
   */
  forgetRiding(): Iterable<void>;
  /**
   * A daemon that does not know the file takes this one's place: what comes then is not in it. Null:
   * it did not come to that.
   */
  handOver(to: string | null): void;
  /** To whom and when the last life has done that; what is recovered is as it was then. */
  readonly handedTo: string | null;
  /** What was before this daemon. */
  readonly before: Before;
  /** When the last turn was committed that was recovered, in ms since 1970; null where it is in an image, or there is none. */
  readonly lastTurnAt: number | null;
  /** Ends orderly, after the last commit. */
  close(): void;
}

/** `--persist none`: the store lives in memory only, so that every commit is done at once. */
export class NoJournal implements Journal {
  rider: Rider | null = null;
  redaction: Redaction = new Redaction();
  readonly about = null;
  readonly dirty = null;
  readonly full = false;
  readonly isBehind = false;
  readonly maintainAt = Infinity;
  readonly pendingBytes = 0;
  readonly syncs = false;
  readonly keepsRings = false;

  recover(): null {
    return null;
  }

  begin(): void {
    this.rider?.begin(NO_TURNS);
  }

  commit(): boolean {
    this.rider?.committed(false);
    return true;
  }

  ring(): void {
    // Not told: see keepsRings.
  }

  stage(): void {
    // Nothing is told.
  }

  adoptStaged(): void {
    // As above.
  }

  endStaging(): void {
    // As above.
  }

  readonly handedTo = null;
  readonly before = "end";
  readonly lastTurnAt = null;

  handOver(): void {
    // There is no file.
  }

  maintain(): boolean {
    return false;
  }

  settle(): void {
    this.rider?.settle(0);
  }

  dropSpare(): void {
    // It keeps none.
  }

  forgetRiding(): Iterable<void> {
    return [];
  }

  close(): void {
    this.settle();
  }
}
