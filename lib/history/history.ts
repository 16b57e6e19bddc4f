import type { DatabaseSync } from "node:sqlite";
import { dropPageCache } from "../journal/database.ts";
import { FilePages } from "../journal/file_pages.ts";
import { HISTORY_FREE_BYTES, HISTORY_KEYFRAME_BYTES } from "../limits.ts";
import { type BlockHead, Blocks } from "./blocks.ts";
import { asHistoryError, ifWritable, isWriteError, openHistoryDatabase } from "./database.ts";
import { type Era, Eras } from "./eras.ts";
import { dropSpareNodes } from "./keyframe_bytes.ts";
import { type KeyframeHead, Keyframes } from "./keyframes.ts";
import { Lives } from "./lives.ts";
import { endOf, type OpenGap } from "./open_gap.ts";
import type { Packer } from "./packing.ts";
import type { Folds } from "./folds.ts";
import { blocksOf } from "./block_split.ts";
import { countAuthor, countRecord, Pending } from "./pending.ts";
import { hasKeyframe, type HistoryRecord, type NodeState } from "./record.ts";
import type { Thinned } from "./thin.ts";

/** How a history is opened. */
export interface HistoryOptions {
  /** Its file; IN_MEMORY for none. */
  readonly path: string;
  /** The id of the store that it is of: each store counts its commits from 1. Null: the last one that the file has. */
  readonly store: string | null;
  readonly packer: Packer;
}

/**
 * The history of a store: records in blocks, from the keyframe with which it begins, in a file of its own. Records come in
 * the order of their numbers, and may come again: what is there already is left out.
 */
export class History {
  readonly path: string;
  readonly blocks: Blocks;
  readonly keyframes: Keyframes;
  readonly eras: Eras;
  readonly lives: Lives;
  readonly #database: DatabaseSync;
  readonly #pages: FilePages;
  readonly #pending = new Pending();
  /** The records into which later ones are folded; none while some are missing. */
  readonly folds: Folds = this.#pending;
  readonly #store: string;
  #era: Era;
  /** The number of the block that grows. */
  #growing: number;
  #last: number;
  #lastAt = 0;
  #inLog = 0;
  /** Bytes that were written before the last checkpoint. */
  #checkpointed = 0;
  #revision = 0;
  #changes = 0;
  #gap: OpenGap | null = null;
  #writing: { readonly head: KeyframeHead; readonly steps: Iterator<void> } | null = null;

  /** @throws {HistoryError} when the file cannot be used. */
  constructor({ packer, path, store }: HistoryOptions) {
    this.path = path;
    this.#database = openHistoryDatabase(path);
    try {
      this.#pages = new FilePages(this.#database);
      this.blocks = new Blocks(this.#database, packer);
      this.keyframes = new Keyframes(this.#database, packer);
      this.eras = new Eras(this.#database);
      this.lives = new Lives(this.#database);
      this.#store = store ?? this.eras.latest;
      this.#era = this.eras.open(this.#store);
    } catch (error) {
      this.#database.close();
      throw asHistoryError(error, path);
    }
    this.#growing = this.blocks.next;
    this.#last = this.#era.last;
  }

  get era(): Era {
    if (this.#pending.incompleteTo > this.#era.completeAfter) {
      this.#note(this.#pending.incompleteTo);
    }
    return this.#era;
  }

  /** The last number that has been told, whether or not it is in the file. */
  get last(): number {
    return this.#last;
  }

  /** The blocks of this era that do not grow any more, the oldest first. */
  get closed(): BlockHead[] {
    return this.blocks.heads.filter(({ block, era }) =>
      era === this.#era.era && block < this.#growing
    );
  }

  /** The number of the block that grows; all below it are closed. */
  get growing(): number {
    return this.#growing;
  }

  /** The records behind the closed blocks. */
  get latest(): readonly HistoryRecord[] {
    return this.#pending.records;
  }

  /** What this era's holders have lost. */
  get thinned(): Thinned[] {
    return this.eras.thinned(this.#era.era);
  }

  /** Where this era's history begins; null before its first keyframe. */
  get horizon(): KeyframeHead | null {
    return this.keyframes.heads.find(({ era }) => era === this.#era.era) ?? null;
  }

  /** The keyframe that is being written. */
  get unfinished(): KeyframeHead | null {
    return this.#writing?.head ?? null;
  }

  /** Bytes of its file that are in use. */
  get bytes(): number {
    return this.#pages.used * this.#pages.size;
  }

  /** Whether nothing says what the store was after the last record: a keyframe is to be written then. */
  get needsKeyframe(): boolean {
    if (this.#writing !== null) return false;
    return this.keyframes.before(this.#era.era, Infinity)?.isWhole !== true || this.#gap !== null;
  }

  /** Whether so much has come since the last keyframe that a moment takes long to rebuild. */
  get wantsKeyframe(): boolean {
    if (this.#writing !== null) return false;
    if (this.needsKeyframe) return this.#gap !== null || this.keyframes.mayFit(this.#lastAt);
    if (!this.keyframes.hasRoom) return false;
    const { number } = this.keyframes.before(this.#era.era, Infinity)!;
    let bytes = 0;
    const { heads } = this.blocks;
    for (let i = heads.length - 1; i >= 0; i--) {
      const head = heads[i]!;
      if (head.era !== this.#era.era || head.last <= number) break;
      bytes += head.bytes;
    }
    return bytes > HISTORY_KEYFRAME_BYTES;
  }

  /**
   * Takes records, each commit with all its parts; those that it has are left out.
   *
   * A kill loses those that are not saved: the caller keeps them until {@link save} has succeeded.
   */
  add(records: readonly HistoryRecord[]): void {
    const known = this.#last, [first] = records;
    if (known === 0 && first !== undefined) this.#beginEmpty(first);
    for (const record of records) {
      if (record.number <= known) continue;
      // Parts of one commit stay together, so that all of them or none is in the file.
      if (record.number !== this.#last) this.#settle();
      this.#last = record.number;
      this.#lastAt = record.at;
      if (this.#gap === null) this.#pending.add(record);
      else countRecord(this.#gap.missing, record);
    }
    this.#settle();
  }

  /** Before the first start of a new store there was nothing, which needs no looking at it. */
  #beginEmpty(first: HistoryRecord): void {
    // A new store's first start tells all that it has; a store that is older than its history has more.
    const { era } = this.#era, isOfStart = first.type === "commit" && first.kind === "start";
    const tellsAll = isOfStart && first.changes.length > 0;
    if (first.number !== 1 || !tellsAll || this.horizon !== null) return;
    this.commit(() => {
      const head = this.keyframes.declare(era, 0, first.at, true);
      for (const _ of this.keyframes.write(head, []));
    });
  }

  /** Ends the block that grows when it is full, unless folding makes room in it. */
  #settle(): void {
    if (!this.#pending.isFull || this.#isFoldedEnough()) return;
    if (this.save()) this.#nextBlock();
    else if (this.#pending.isTooMuch) this.#lose();
  }

  #isFoldedEnough(): boolean {
    const { length } = this.#pending.records;
    this.#pending.fold();
    this.#note(this.#pending.incompleteTo);
    return this.#pending.records.length * 2 <= length && !this.#pending.isFull;
  }

  #note(incompleteTo: number): void {
    const { completeAfter } = this.#era;
    this.#era = { ...this.#era, completeAfter: Math.max(completeAfter, incompleteTo) };
  }

  #nextBlock(): void {
    this.#growing = Math.max(this.#growing, this.blocks.next - 1) + 1;
    this.#pending.clear();
  }

  /**
   * Puts all that it was told into the file, which is all that was done up to turn `turn` of the journal, if that is told and
   * nothing is missing yet; false when it cannot be written now.
   */
  save(turn: number | null = null): boolean {
    const isSettled = turn === null || turn === this.#era.turn || this.#gap !== null;
    return !this.#pending.isDirty && isSettled ||
      this.#write(isSettled ? null : turn, this.#pending.isDirty);
  }

  #write(turn: number | null, isDirty: boolean): boolean {
    this.#note(this.#pending.incompleteTo);
    const { records } = this.#pending, { era } = this.#era;
    const isSaved = this.commit(() => {
      if (turn !== null) this.eras.settle(era, turn);
      if (!isDirty) return;
      const blocks = blocksOf(records), end = this.#growing + blocks.length;
      for (const [i, some] of blocks.entries()) {
        this.blocks.put(this.#growing + i, era, some, false);
      }
      // What has become less may have taken more of them.
      while (this.blocks.next > end) this.blocks.remove(this.blocks.heads.at(-1)!);
      this.eras.update(era, this.#last);
      this.eras.incomplete(era, this.#era.completeAfter);
      for (const record of records) {
        if (hasKeyframe(record)) this.keyframes.declare(era, record.number, record.at, true);
      }
    });
    if (isSaved) this.#pending.saved();
    return isSaved;
  }

  /** Changes the {@link latest} records, here and in the file; false when that cannot be written now. */
  rewriteLatest(change: (record: HistoryRecord) => HistoryRecord): boolean {
    this.#revision++;
    this.#pending.change(change);
    return this.#write(null, true);
  }

  /** Notes that the store has come as far as `number` at most, by `count` commits at least that are not here: they are a gap. */
  skipTo(number: number, at: number, count: number): void {
    if (number <= this.#last) return;
    this.save();
    const first = this.#last + 1;
    this.#gap ??= { first, firstAt: at, missing: [] };
    countAuthor(this.#gap.missing, { kind: "pruned" }, count);
    this.#last = number;
    this.#lastAt = at;
    this.#nextBlock();
  }

  /** Gives up what is in memory only. */
  #lose(): void {
    const { first: { number: first, at: firstAt }, missing } = this.#pending.unsaved!;
    this.#gap = { first, firstAt, missing: missing.map((one) => ({ ...one })) };
    // What of the block is in the file stays there.
    this.#nextBlock();
  }

  /**
   * Begins a keyframe: `nodes` are those of the store after the last record, in the order of their paths. A gap ends with it.
   * False when it cannot be written now.
   */
  beginKeyframe(at: number, nodes: Iterable<readonly [string, NodeState]>): boolean {
    const { era } = this.#era, number = this.#last;
    if (!this.#endGap() || !this.save()) return false;
    // What comes now is not folded with what was before.
    if (this.#pending.records.length > 0) this.#nextBlock();
    const { needsKeyframe: isNeeded } = this;
    let head: KeyframeHead | null = null;
    this.commit(() => void (head = this.keyframes.declare(era, number, at, isNeeded)));
    return head !== null && this.#startWriting(head, nodes);
  }

  #startWriting(head: KeyframeHead, nodes: Iterable<readonly [string, NodeState]>): boolean {
    if (!head.isWhole) this.#writing = { head, steps: this.keyframes.write(head, nodes) };
    return true;
  }

  /** Notes what is missing, if anything is; false when that cannot be written. */
  #endGap(): boolean {
    const gap = this.#gap;
    if (gap === null) return true;
    this.#pending.add(endOf(gap, this.#last, this.#lastAt));
    this.#note(this.#last);
    const isSaved = this.save();
    if (isSaved) this.#nextBlock();
    else this.#pending.clear();
    this.#gap = isSaved ? null : gap;
    return isSaved;
  }

  /** Writes the next row of the keyframe; false when there is none to write, or it cannot be written. */
  stepKeyframe(): boolean {
    const writing = this.#writing;
    if (writing === null) return false;
    let isDone = false;
    if (!this.commit(() => void (isDone = writing.steps.next().done === true))) {
      // What it has written is not to be built on.
      this.#writing = null;
      this.commit(() => this.keyframes.giveUp(writing.head));
      return false;
    }
    if (isDone) this.#writing = null;
    return true;
  }

  /** What `change` does to the file happens as a whole, or, if it cannot be written, not at all: then false. */
  commit(change: () => void): boolean {
    const database = this.#database;
    try {
      database.exec("BEGIN IMMEDIATE");
      change();
      database.exec("COMMIT");
      this.#inLog++;
      this.#changes++;
      // What the rows say, and what is known beyond them.
      const { completeAfter } = this.#era;
      this.#era = this.eras.open(this.#store);
      this.#note(completeAfter);
      return true;
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK");
      this.blocks.reload();
      this.keyframes.reload();
      this.lives.reload();
      if (!isWriteError(error)) throw error;
      return false;
    }
  }

  /** Gives some free pages back, but keeps room for the next blocks; false when there are no others, or it cannot write now. */
  shrink(): boolean {
    const pages = this.#pages;
    if (pages.free * pages.size <= HISTORY_FREE_BYTES) return false;
    return ifWritable(() => pages.giveBack());
  }

  /** Changes when records that were in the file are folded, thinned or pruned. */
  get revision(): number {
    return this.#revision;
  }

  /** As {@link commit}, for what changes records that were there. */
  rewrite(change: () => void): boolean {
    this.#revision++;
    return this.commit(change);
  }

  /** Changes with each transaction. */
  get changes(): number {
    return this.#changes;
  }

  /** Transactions since the last {@link checkpoint}. */
  get inLog(): number {
    return this.#inLog;
  }

  /** Bytes since then, about. */
  get bytesInLog(): number {
    return this.blocks.written + this.keyframes.written - this.#checkpointed;
  }

  /** Moves the log into the file and empties it, so that neither has overwritten values; false when the file cannot be written now. */
  checkpoint(): boolean {
    if (!ifWritable(() => this.#database.exec("PRAGMA wal_checkpoint(TRUNCATE)"))) return false;
    this.#inLog = 0;
    this.#checkpointed = this.blocks.written + this.keyframes.written;
    return true;
  }

  /** From now on blocks and keyframes are packed by `packer`. */
  use(packer: Packer): void {
    this.blocks.packer = packer;
    this.keyframes.packer = packer;
  }

  /** Gives up memory that is only kept for reuse. */
  dropSpare(): void {
    this.blocks.dropSpare();
    dropSpareNodes();
    dropPageCache(this.#database);
  }

  /** Closes the file as it is. */
  abandon(): void {
    this.#database.close();
  }

  /** Saves all that can be saved. */
  close(): void {
    this.save();
    this.#database.close();
  }
}
