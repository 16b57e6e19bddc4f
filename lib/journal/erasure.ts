import type { Clock } from "../clock.ts";
import type { DatabaseSync } from "node:sqlite";
import { ERASURE_AFTER_MS, HIDDEN_LOOKED_FOR_MAX } from "../limits.ts";
import { DIRTY_NEW, DIRTY_VALUE, type DirtyNodes } from "../store/dirty_nodes.ts";
import { subtree } from "../store/lookup.ts";
import type { Redaction } from "../store/redaction.ts";
import type { Notes } from "./journal.ts";

/** Notes in the store file whether an erasure is owed, so that the next daemon knows. */
const NOTE = "erasure";

/**
 * Whether and when values that are hidden (redaction.ts) and were overwritten or removed have to be erased from
 * the store's files. StoreUpkeep does it, in slices: free pages go back to the file system, a new image makes
 * all turns up to now needless, these and the former image are deleted and their bytes overwritten, the unused
 * part of the tail is overwritten, and SQLite's log is cut off.
 */
export class Erasure {
  /** When to begin the next one; Infinity where none is owed. */
  #dueAt = Infinity;
  #isUnderWay = false;
  #isNoted = false;

  constructor(
    private readonly database: DatabaseSync,
    private readonly clock: Clock,
    private readonly notes: Notes | undefined,
  ) {}

  /** What the last daemon owed is due at once. */
  resume(): void {
    this.#isNoted = this.notes?.get(NOTE) === "owed";
    if (this.#isNoted) this.#dueAt = this.clock.now();
  }

  /** When it is to begin. */
  get dueAt(): number {
    return this.#dueAt;
  }

  get isDue(): boolean {
    return this.#dueAt !== Infinity && this.clock.now() >= this.#dueAt;
  }

  /** Its image was begun: what is owed from now on the next one erases. */
  get isUnderWay(): boolean {
    return this.#isUnderWay;
  }

  /** A turn that is not committed yet overwrites or removes what must then be erased. */
  owe(): void {
    if (this.#dueAt !== Infinity) return;
    this.#dueAt = this.clock.now() + ERASURE_AFTER_MS;
    this.#note();
  }

  /** The same if `nodes` do that; asked only where none is owed yet. */
  oweFor(nodes: DirtyNodes, redaction: Redaction): void {
    if (this.#dueAt === Infinity && dropsHidden(nodes, redaction)) this.owe();
  }

  /** Its image is to be begun now; what is deleted from now on is overwritten. */
  begin(): void {
    this.#note();
    this.database.exec("PRAGMA secure_delete = ON");
    this.#isUnderWay = true;
    this.#dueAt = Infinity;
  }

  /** It did not come to its end: it begins again. */
  abandon(): void {
    if (!this.#isUnderWay) return;
    // There may be no space to overwrite anything.
    this.database.exec("PRAGMA secure_delete = FAST");
    this.#isUnderWay = false;
    this.#dueAt = this.clock.now();
  }

  /** All is overwritten but SQLite's log, which is cut off now. */
  end(): void {
    this.database.exec("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA secure_delete = FAST");
    this.#isUnderWay = false;
    if (this.#dueAt !== Infinity) return;
    this.notes?.set(NOTE, "done");
    this.#isNoted = false;
  }

  /** Where there is no space for that, `begin` tries it again. */
  #note(): void {
    if (this.#isNoted) return;
    try {
      this.notes?.set(NOTE, "owed");
      this.#isNoted = true;
    } catch {
      // The commit of the turn finds out, and says so.
    }
  }
}

/** Whether a hidden value was overwritten or removed. */
function dropsHidden(nodes: DirtyNodes, redaction: Redaction): boolean {
  for (let i = 0; i < nodes.count; i++) {
    const { node, path, what } = nodes.at(i);
    const isOverwritten = node !== null && (what & (DIRTY_NEW | DIRTY_VALUE)) === DIRTY_VALUE;
    if (isOverwritten && redaction.hides(path)) return true;
  }
  let looks = HIDDEN_LOOKED_FOR_MAX;
  for (let i = 0; i < nodes.gone.length; i++) {
    const path = nodes.gone[i]!, top = nodes.goneNodes[i]!;
    if (top.children === null && top.value.length === 0) continue;
    for (const [below, { value }] of subtree(top, path)) {
      if (looks-- === 0) return true;
      if (value.length > 0 && redaction.hides(below)) return true;
    }
  }
  return false;
}
