import {
  DatabaseSync,
  type SQLInputValue,
  type StatementResultingChanges,
  StatementSync,
} from "node:sqlite";
import type { Dirty } from "../../lib/engine/dirty.ts";
import type { RingState } from "../../lib/state/ring_state.ts";
import type { State } from "../../lib/engine/state.ts";
import type { Before, ImageSource, Journal, Notes } from "../../lib/journal/journal.ts";
import type { Rider } from "../../lib/journal/rider.ts";
import type { Caution } from "../../lib/journal/caution.ts";
import type { HeldConnections, Recovered } from "../../lib/journal/recovery.ts";
import type { StoreJournal } from "../../lib/journal/store_journal.ts";
import type { Node } from "../../lib/store/node.ts";
import type { Redaction } from "../../lib/store/redaction.ts";
import { RingPage } from "../../lib/transport/ring_page.ts";

/** The daemon is dead: nothing it does from here on has any effect. */
export class Crash extends Error {
  override readonly name = "Crash";
}

/**
 * The moments at which a daemon in this process can be killed: whenever it is about to do, or has
 * just done, something that outlives it (a commit, a word of a guest's page, an event).
 */
export class CrashPoints {
  /** How often each kind of moment was the last one. */
  readonly taken = new Map<string, number>();
  #armed = Infinity;
  /** The one kind of moment that counts; null for all. */
  #kind: string | null = null;
  #dead = false;
  /** Whether it is the daemon that runs now, and not a guest. */
  #running = false;

  /**
   * Lets the daemon die at its `count`th moment (of that `kind`) from now on; from birth on it is
   * not armed.
   */
  arm(count: number, kind: string | null = null): void {
    this.#armed = count;
    this.#kind = kind;
  }

  reborn(): void {
    this.#dead = false;
    this.#armed = Infinity;
  }

  /** Runs a piece of the daemon's life; false when it died in it. */
  run(body: () => void): boolean {
    this.#running = true;
    try {
      body();
    } catch (error) {
      if (!this.#dead) throw error;
    } finally {
      this.#running = false;
    }
    return !this.#dead;
  }

  /** One of the moments. */
  at(kind: string): void {
    if (!this.#running) return;
    if (!this.#dead && this.#kind !== null && kind !== this.#kind) return;
    if (!this.#dead && --this.#armed > 0) return;
    if (!this.#dead) this.taken.set(kind, (this.taken.get(kind) ?? 0) + 1);
    this.#dead = true;
    throw new Crash(kind);
  }

  /** Lets the daemon die around its changes of a page's words. */
  watch(page: RingPage): void {
    page.store = (word, value) => {
      this.at(`before word ${word}`);
      RingPage.prototype.store.call(page, word, value);
      this.at(`after word ${word}`);
    };
  }
}

/** Lets the daemon die around the statements of all databases; returns what undoes that. */
export function watchDatabases(points: CrashPoints): () => void {
  const { exec } = DatabaseSync.prototype;
  const { run } = StatementSync.prototype;
  DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string): void {
    points.at("before a statement");
    exec.call(this, sql);
    points.at("after a statement");
  };
  const runWith = run as (...values: SQLInputValue[]) => StatementResultingChanges;
  const runOrDie = function (
    this: StatementSync,
    ...values: SQLInputValue[]
  ): StatementResultingChanges {
    points.at("before a statement");
    const result = runWith.apply(this, values);
    points.at("after a statement");
    return result;
  };
  StatementSync.prototype.run = runOrDie as typeof run;
  return () => {
    DatabaseSync.prototype.exec = exec;
    StatementSync.prototype.run = run;
  };
}

/** A journal in which the daemon may die. */
export class MortalJournal implements Journal {
  readonly #journal: StoreJournal;
  readonly #points: CrashPoints;

  constructor(journal: StoreJournal, points: CrashPoints) {
    this.#journal = journal;
    this.#points = points;
  }

  get rider(): Rider | null {
    return this.#journal.rider;
  }

  set rider(rider: Rider | null) {
    this.#journal.rider = rider;
  }

  get redaction(): Redaction {
    return this.#journal.redaction;
  }

  set redaction(redaction: Redaction) {
    this.#journal.redaction = redaction;
  }

  get about(): Notes | null {
    return this.#journal.about;
  }

  settle(): void {
    this.#journal.settle();
  }

  dropSpare(): void {
    this.#journal.dropSpare();
  }

  forgetRiding(): Iterable<void> {
    return this.#journal.forgetRiding();
  }

  get dirty(): Dirty {
    return this.#journal.dirty;
  }

  get syncs(): boolean {
    return this.#journal.syncs;
  }

  get keepsRings(): boolean {
    return this.#journal.keepsRings;
  }

  recover(state: State, held?: HeldConnections, caution?: Caution): Recovered | null {
    return this.#journal.recover(state, held, caution);
  }

  get pendingBytes(): number {
    return this.#journal.pendingBytes;
  }

  get maintainAt(): number {
    return this.#journal.maintainAt;
  }

  get isBehind(): boolean {
    return this.#journal.isBehind;
  }

  get full(): boolean {
    return this.#journal.full;
  }

  get handedTo(): string | null {
    return this.#journal.handedTo;
  }

  get before(): Before {
    return this.#journal.before;
  }

  get lastTurnAt(): number | null {
    return this.#journal.lastTurnAt;
  }

  handOver(to: string | null): void {
    this.#journal.handOver(to);
  }

  begin(source: ImageSource): void {
    this.#journal.begin(source);
  }

  commit(): boolean {
    this.#points.at("before commit");
    const done = this.#journal.commit();
    this.#points.at("after commit");
    return done;
  }

  stage(path: string, node: Node): void {
    this.#journal.stage(path, node);
  }

  adoptStaged(): void {
    this.#journal.adoptStaged();
  }

  endStaging(heard: boolean): void {
    this.#journal.endStaging(heard);
  }

  ring(ring: RingState): void {
    this.#journal.ring(ring);
  }

  maintain(idle: boolean): boolean {
    this.#points.at("before upkeep");
    return this.#journal.maintain(idle);
  }

  close(): void {
    this.#journal.close();
  }
}
