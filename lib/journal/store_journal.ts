import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import type { Connection } from "../engine/connection.ts";
import type { RingState } from "../engine/domain_control.ts";
import type { Domain } from "../engine/domains.ts";
import type { Quotas } from "../engine/quota.ts";
import type { Recorder } from "../engine/recorder.ts";
import type { State } from "../engine/state.ts";
import type { Watch } from "../engine/watch.ts";
import type { Node } from "../store/node.ts";
import { ByteReader, DamagedError } from "./byte_reader.ts";
import { ByteWriter } from "./byte_writer.ts";
import * as put from "./changes.ts";
import { checksum } from "./checksum.ts";
import { messageOf } from "./database.ts";
import { Image, putOthers } from "./image.ts";
import type { ImageSource, Journal } from "./journal.ts";
import { Restorer } from "./restore.ts";
import { type Revival, reviveDomains } from "./revive.ts";

/** When the work is done that nobody waits for. */
export interface Upkeep {
  /** Bytes of turns behind an image from which on a new one is worth making. */
  readonly imageAfterBytes: number;
  /** Pages of 4 KiB, about, that are written to the log between checkpoints. */
  readonly pagesPerCheckpoint: number;
  /** Old turns deleted at once: 500 are about a millisecond. */
  readonly turnsDeletedMax: number;
}

const UPKEEP: Upkeep = {
  imageAfterBytes: 8_388_608,
  pagesPerCheckpoint: 2_000,
  turnsDeletedMax: 500,
};

type JournalLog = (level: "info" | "warning", text: string) => void;

/**
 * The journal in a SQLite file: one row a turn, whatever the number of its changes, and now and
 * then, piece by piece in idle moments, an image of everything that makes older rows needless.
 */
export class StoreJournal implements Journal, Recorder {
  readonly recorder: Recorder = this;
  readonly keepsRings = true;
  readonly #database: DatabaseSync;
  readonly #log: JournalLog;
  readonly #upkeep: Upkeep;
  readonly #insertTurn: StatementSync;
  readonly #insertPiece: StatementSync;
  readonly #changes = new ByteWriter(65_536);
  readonly #piece = new ByteWriter(131_072);
  #source: ImageSource | null = null;
  #turn: number;
  #turnBytes = 0;
  #imageBytes = 0;
  #logPages = 0;
  #making: { image: Image; number: number; upto: number; pieces: number } | null = null;
  #imageLast: number;
  #staleUpto = -1;
  #failing = false;

  constructor(database: DatabaseSync, log: JournalLog, upkeep: Upkeep = UPKEEP) {
    this.#database = database;
    this.#log = log;
    this.#upkeep = upkeep;
    this.#insertTurn = database.prepare("INSERT INTO turns VALUES (?, ?, ?, ?)");
    this.#insertPiece = database.prepare(
      "INSERT INTO pieces (image, sum, changes) VALUES (?, ?, ?)",
    );
    this.#turn = numberOf(database, "SELECT max(turn) AS n FROM turns");
    this.#turn = Math.max(this.#turn, numberOf(database, "SELECT max(upto) AS n FROM images"));
    this.#imageLast = numberOf(database, "SELECT max(image) AS n FROM pieces");
  }

  /** Whether there is anything to go on from. */
  get isEmpty(): boolean {
    return numberOf(this.#database, "SELECT count(*) AS n FROM images") === 0;
  }

  /** Notes something about the file itself. */
  describe(name: string, value: string): void {
    this.#database.prepare("INSERT OR REPLACE INTO about VALUES (?, ?)").run(name, value);
  }

  /** What was noted, or null. */
  description(name: string): string | null {
    const row = this.#database.prepare("SELECT value FROM about WHERE name = ?").get(name);
    return row === undefined ? null : String(row["value"]);
  }

  /**
   * Brings a fresh state to where the last life ended: its nodes, then its domains.
   *
   * @throws {DamagedError} when something in it can't be read.
   */
  recover(state: State): Revival | null {
    if (this.isEmpty) return null;
    const restorer = new Restorer(state);
    try {
      this.replay(restorer);
    } catch (error) {
      // SQLite finds some damage only where it is read.
      throw error instanceof DamagedError ? error : new DamagedError(messageOf(error));
    }
    return reviveDomains(state, restorer);
  }

  /**
   * Tells `sink` all that was persisted, in order.
   *
   * @throws {DamagedError} when something in it can't be read.
   */
  replay(sink: put.ChangeSink): void {
    const row = this.#database.prepare(
      "SELECT image, upto, pieces FROM images ORDER BY image DESC LIMIT 1",
    ).get();
    if (row === undefined) return;
    this.#imageBytes = this.#replayImage(Number(row["image"]), Number(row["pieces"]), sink);
    this.#turnBytes = this.#replayTurns(Number(row["upto"]), sink);
  }

  #replayImage(image: number, wanted: number, sink: put.ChangeSink): number {
    const select = this.#database.prepare(
      "SELECT sum, changes FROM pieces WHERE image = ? ORDER BY piece",
    );
    let pieces = 0, size = 0;
    for (const row of select.iterate(image)) {
      pieces++;
      size += readRow(row, image, `piece ${pieces} of image ${image}`, sink);
    }
    if (pieces === wanted) return size;
    throw new DamagedError(`image ${image} has ${pieces} pieces instead of ${wanted}`);
  }

  #replayTurns(after: number, sink: put.ChangeSink): number {
    const select = this.#database.prepare(
      "SELECT turn, sum, changes FROM turns WHERE turn > ? ORDER BY turn",
    );
    let turn = after, size = 0;
    for (const row of select.iterate(after)) {
      if (Number(row["turn"]) !== ++turn) throw new DamagedError(`turn ${turn} is missing`);
      size += readRow(row, turn, `turn ${turn}`, sink);
    }
    return size;
  }

  /** A journal that is empty gets its first image at once. */
  begin(source: ImageSource): void {
    this.#source = source;
    this.#changes.clear();
    if (!this.isEmpty) return;
    this.#beginImage();
    while (this.#making !== null) this.#continueImage();
  }

  commit(): boolean {
    if (this.#changes.length === 0) return true;
    try {
      const { written } = this.#changes;
      const turn = this.#turn + 1;
      this.#insertTurn.run(turn, Date.now(), checksum(written, turn), written);
    } catch (error) {
      this.#fail(error);
      return false;
    }
    if (this.#failing) this.#log("warning", "the store file can be written again");
    this.#failing = false;
    this.#turn++;
    this.#logPages += 1 + (this.#changes.length >>> 12);
    this.#turnBytes += this.#changes.length;
    this.#changes.clear();
    return true;
  }

  #fail(error: unknown): void {
    if (!this.#failing) {
      this.#log(
        "warning",
        `the store file can't be written, nothing is answered: ${messageOf(error)}`,
      );
    }
    this.#failing = true;
  }

  /**
   * A slice of the work that needs nobody to wait for it: images, old turns, checkpoints. True
   * when there is more. `idle` says that nothing else is to be done now; otherwise it only
   * works on what is overdue.
   */
  tend(idle: boolean): boolean {
    const patience = idle ? 1 : 4;
    const { pagesPerCheckpoint, imageAfterBytes } = this.#upkeep;
    try {
      if (this.#making !== null) {
        this.#continueImage();
        return true;
      }
      if (this.#staleUpto >= 0 && idle) return this.#deleteStale();
      if (this.#turnBytes > patience * Math.max(imageAfterBytes, 2 * this.#imageBytes)) {
        this.#beginImage();
        return true;
      }
      if (this.#logPages > patience * pagesPerCheckpoint) {
        this.#logPages = 0;
        this.#database.exec("PRAGMA wal_checkpoint(PASSIVE)");
      }
    } catch (error) {
      this.#making = null;
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      this.#fail(error);
    }
    return false;
  }

  #beginImage(): void {
    const { state, rings } = this.#source!;
    this.#imageLast++;
    this.#making = {
      image: new Image(state),
      number: this.#imageLast,
      upto: this.#turn,
      pieces: 0,
    };
    this.#piece.clear();
    this.#imageBytes = 0;
    this.#turnBytes = 0;
    putOthers(this.#piece, state, rings());
    this.#endPiece();
  }

  #continueImage(): void {
    const making = this.#making!;
    if (making.image.next(this.#piece)) return this.#endPiece();
    this.#making = null;
    this.#database.exec("BEGIN IMMEDIATE");
    this.#database.prepare("DELETE FROM images").run();
    const { number, pieces, upto } = making;
    this.#database.prepare("INSERT INTO images VALUES (?, ?, ?)").run(number, upto, pieces);
    this.#database.prepare("DELETE FROM pieces WHERE image < ?").run(number);
    this.#database.exec("COMMIT");
    this.#staleUpto = making.upto;
  }

  #endPiece(): void {
    const making = this.#making!;
    const { written } = this.#piece;
    this.#insertPiece.run(making.number, checksum(written, making.number), written);
    making.pieces++;
    this.#imageBytes += this.#piece.length;
    this.#logPages += 1 + (this.#piece.length >>> 12);
    this.#piece.clear();
  }

  #deleteStale(): boolean {
    const { turnsDeletedMax } = this.#upkeep;
    const deleted = this.#database.prepare(
      "DELETE FROM turns WHERE turn IN (SELECT turn FROM turns WHERE turn <= ? ORDER BY turn LIMIT ?)",
    ).run(this.#staleUpto, turnsDeletedMax);
    this.#logPages++;
    if (Number(deleted.changes) < turnsDeletedMax) this.#staleUpto = -1;
    return true;
  }

  close(): void {
    this.#database.close();
  }

  node(path: string, node: Node | null): void {
    if (this.#source === null) return;
    if (node === null) put.putNodeGone(this.#changes, path);
    else put.putNode(this.#changes, path, node);
  }

  domain(domain: Domain): void {
    if (this.#source !== null) put.putDomain(this.#changes, domain);
  }

  domainGone(domid: number): void {
    if (this.#source !== null) put.putDomainGone(this.#changes, domid);
  }

  watch(watch: Watch, registered: boolean): void {
    if (this.#source === null || watch.connection.kind !== "ring") return;
    if (registered) put.putWatch(this.#changes, watch);
    else put.putUnwatch(this.#changes, watch);
  }

  transaction(connection: Connection, id: number, open: boolean): void {
    if (this.#source === null || connection.kind !== "ring") return;
    put.putTransaction(this.#changes, connection.domid, id, open);
  }

  quotas(quotas: Quotas): void {
    if (this.#source !== null) put.putQuotas(this.#changes, quotas);
  }

  ring(ring: RingState): void {
    if (this.#source !== null) put.putRing(this.#changes, ring);
  }
}

/** Reads a row's changes; returns how many bytes they are. */
function readRow(
  row: Record<string, SQLOutputValue>,
  number: number,
  what: string,
  sink: put.ChangeSink,
): number {
  const changes = row["changes"];
  if (!(changes instanceof Uint8Array) || checksum(changes, number) !== row["sum"]) {
    throw new DamagedError(`${what} is not what was written`);
  }
  put.readChanges(new ByteReader(changes), sink);
  return changes.length;
}

function numberOf(database: DatabaseSync, query: string): number {
  return Number(database.prepare(query).get()?.["n"] ?? 0);
}
