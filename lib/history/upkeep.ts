/** What keeps a history within its bounds, in slices: folding, thinning, pruning. */
import {
  HISTORY_BLOCK_BYTES,
  HISTORY_BLOCK_SHARE_MIN,
  HISTORY_KEYFRAME_PARTS,
  HISTORY_LOG_BYTES,
  HISTORY_LOG_COMMITS,
  HISTORY_LOG_MICROSECONDS,
} from "../limits.ts";
import type { BlockHead } from "./blocks.ts";
import { Folding } from "./folding.ts";
import type { History } from "./history.ts";
import type { IsAlive } from "./lives.ts";
import { LivesUpkeep } from "./lives_upkeep.ts";
import { PLAIN } from "./packing.ts";
import { dropOldest } from "./pruning.ts";
import { Shares } from "./shares.ts";
import { ifWhole, type Slices } from "./slices.ts";
import { thinOldest } from "./thinning.ts";

/** The bounds of a history. */
export interface HistoryBounds {
  readonly bytes: number;
  /** Microseconds. */
  readonly age: number;
}

/** SQLite's log should take at most one part in so many of the bound. */
const LOG_PARTS = 8;

/** Beyond so many times its bound, the history must become smaller before busy clients go on. */
const FAR_BEHIND = 1.25;

/** Blocks whose shares one slice sums up. */
const SHARES_A_SLICE = 256;

/** Keeps one history within its bounds. */
export class HistoryUpkeep {
  readonly #history: History;
  readonly #bounds: HistoryBounds;
  readonly #folding: Folding;
  readonly #lives: LivesUpkeep;
  /** Blocks that compression does not make smaller. */
  readonly #incompressible = new Set<number>();
  /** The work of several slices that is under way. */
  #work: Slices | null = null;
  #checkpointAt = 0;

  constructor(history: History, bounds: HistoryBounds, isAlive: IsAlive = () => true) {
    this.#history = history;
    this.#lives = new LivesUpkeep(history, isAlive);
    this.#bounds = bounds;
    this.#folding = new Folding(history);
    history.keyframes.bytesMax = bounds.bytes / HISTORY_KEYFRAME_PARTS;
  }

  /** Does one slice of the work that is due at time `now`; false when there is none, or the file cannot be written. */
  step(now: number): boolean {
    const history = this.#history;
    // Before the rows of a keyframe: these add to the log, and a block that is not compressed yet counts towards the next keyframe.
    if (this.#checkpoint(now) || this.#work === null && this.#pack()) return true;
    if (history.stepKeyframe() || this.#work === null && this.#lives.step(now)) return true;
    this.#work ??= this.#due(now);
    return this.#goOn() || history.shrink();
  }

  /** Ends the work under way, also when a purge changes records. */
  giveUp(): void {
    this.#work = null;
    this.#history.blocks.forgetPaths();
  }

  #due(now: number): Slices | null {
    const { blocks: { heads: [oldest] } } = this.#history;
    if (oldest !== undefined && oldest.toAt < now - this.#bounds.age) {
      return dropOldest(this.#history);
    }
    return this.#size > this.#bounds.bytes ? this.#makeRoom(now) : null;
  }

  /** What is bounded: bytes of the file, or of the blocks as they count. */
  get #size(): number {
    const { blocks: { heads }, bytes } = this.#history;
    return Math.max(bytes, heads.length * HISTORY_BLOCK_SHARE_MIN);
  }

  #goOn(): boolean {
    const work = this.#work;
    if (work === null) return false;
    const { done, value } = work.next();
    if (done !== true) return true;
    this.giveUp();
    return value;
  }

  /** Empties the log when it is large or old: overwritten values must leave all files soon. */
  #checkpoint(now: number): boolean {
    const { bytesInLog, inLog } = this.#history;
    if (inLog === 0) this.#checkpointAt = now;
    const isMuch = bytesInLog > Math.min(HISTORY_LOG_BYTES, this.#bounds.bytes / LOG_PARTS);
    const isDue = isMuch || inLog > HISTORY_LOG_COMMITS ||
      Math.abs(now - this.#checkpointAt) > HISTORY_LOG_MICROSECONDS;
    if (inLog === 0 || !isDue) return false;
    return this.#history.checkpoint();
  }

  /** Whether the history exceeds its bound, or will soon: call {@link step} until it does not, or returns false. */
  get isBehind(): boolean {
    return this.#unpacked !== undefined || this.#size > this.#bounds.bytes;
  }

  /** Whether busy clients must wait for the upkeep ({@link FAR_BEHIND}). */
  get isFarBehind(): boolean {
    return this.#size > this.#bounds.bytes * FAR_BEHIND;
  }

  get #unpacked(): BlockHead | undefined {
    const { blocks, growing } = this.#history;
    return blocks.heads.findLast(({ block, packing }) =>
      packing === PLAIN && block < growing && !this.#incompressible.has(block)
    );
  }

  #pack(): boolean {
    const { blocks } = this.#history, head = this.#unpacked;
    if (head === undefined) return false;
    let isPacked = false;
    const isWritten = this.#history.commit(() => {
      isPacked = ifWhole(() => blocks.pack(head)) ?? false;
    });
    if (!isPacked) this.#incompressible.add(head.block);
    return isWritten;
  }

  *#makeRoom(now: number): Slices {
    const history = this.#history, most = this.#bounds.bytes;
    const shares = yield* this.#shares();
    // Some more than needed, so that the next block does not start all this again.
    const more = Math.min(HISTORY_BLOCK_BYTES / 4, most / LOG_PARTS);
    const excess = this.#size - most + more, greedy = shares.above(excess), [largest] = greedy;
    if (largest !== undefined && (yield* this.#folding.fold(largest))) return true;
    // The keyframe of a large store must not push out records.
    if (this.#shedKeyframe(now)) return true;
    if (largest !== undefined && (yield* thinOldest(history, new Set(greedy), excess))) return true;
    return yield* dropOldest(history);
  }

  /** Bytes of the closed blocks as they count, by share. */
  *#shares(): Generator<void, Shares, void> {
    const { blocks, growing, lives } = this.#history, shares = new Shares();
    for (const [i, head] of [...blocks.heads].entries()) {
      if (i % SHARES_A_SLICE === SHARES_A_SLICE - 1) yield;
      if (head.block >= growing) break;
      const { bytes, holders } = head.shares;
      const weight = Math.max(1, HISTORY_BLOCK_SHARE_MIN / head.bytes);
      for (let k = 0; k < holders.length; k++) {
        shares.add(lives.shareOf(holders[k]!), bytes[k]! * weight);
      }
    }
    return shares;
  }

  #shedKeyframe(now: number): boolean {
    const { keyframes } = this.#history;
    if (keyframes.bytes <= keyframes.bytesMax) return false;
    let isShed = false;
    return this.#history.rewrite(() => void (isShed = keyframes.shed(now))) && isShed;
  }
}
