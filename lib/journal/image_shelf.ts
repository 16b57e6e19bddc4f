import type { DatabaseSync, StatementSync } from "node:sqlite";
import { ByteReader, DamagedError } from "./byte_reader.ts";
import { ByteWriter } from "./byte_writer.ts";
import { type ChangeSink, readChanges } from "./changes.ts";
import { checkedBytes, checksum } from "./checksum.ts";
import { Image, putOthers } from "./image.ts";
import type { ImageSource } from "./journal.ts";

/** The images in the store file: the newest, and one that is being made. */
export class ImageShelf {
  readonly #database: DatabaseSync;
  readonly #insertPiece: StatementSync;
  readonly #piece = new ByteWriter(131_072);
  #making: { image: Image; number: number; upto: number; pieces: number; bytes: number } | null =
    null;
  #last: number;
  #unfinished = false;
  /** The last turn that the newest whole image contains; negative when there is no image. */
  upto: number;
  /** Bytes of the newest whole image. */
  bytes = 0;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#insertPiece = database.prepare(
      "INSERT INTO pieces (image, sum, changes) VALUES (?, ?, ?)",
    );
    const newest = this.#newest();
    this.upto = newest === undefined ? -1 : Number(newest["upto"]);
    const last = database.prepare("SELECT max(image) AS n FROM pieces").get();
    this.#last = Number(last?.["n"] ?? 0);
    this.#unfinished = this.#last > Number(newest?.["image"] ?? 0);
  }

  #newest(): ReturnType<StatementSync["get"]> {
    const select = "SELECT image, upto, pieces FROM images ORDER BY image DESC LIMIT 1";
    return this.#database.prepare(select).get();
  }

  get isMaking(): boolean {
    return this.#making !== null;
  }

  /**
   * Tells `sink` of all that is in the newest image.
   *
   * @throws {DamagedError} when it is not what was written.
   */
  replay(sink: ChangeSink): void {
    const newest = this.#newest();
    if (newest === undefined) return;
    const image = Number(newest["image"]), wanted = Number(newest["pieces"]);
    const select = this.#database.prepare(
      "SELECT sum, changes FROM pieces WHERE image = ? ORDER BY piece",
    );
    let pieces = 0;
    this.bytes = 0;
    for (const row of select.iterate(image)) {
      pieces++;
      const what = `piece ${pieces} of image ${image}`;
      const changes = checkedBytes(row["changes"], row["sum"], image, what);
      readChanges(new ByteReader(changes), sink);
      this.bytes += changes.length;
    }
    if (pieces === wanted) return;
    throw new DamagedError(`image ${image} has ${pieces} pieces instead of ${wanted}`);
  }

  /** Begins an image of everything as it is now, after turn `upto`; returns the pages written. */
  begin({ state, rings }: ImageSource, upto: number): number {
    this.#dropUnfinished();
    this.#last++;
    this.#unfinished = true;
    this.#making = { image: new Image(state), number: this.#last, upto, pieces: 0, bytes: 0 };
    this.#piece.clear();
    putOthers(this.#piece, state, rings());
    return this.#endPiece();
  }

  /** Makes the next piece, or ends it; returns the pages written. */
  continue(): number {
    const making = this.#making!;
    if (making.image.next(this.#piece)) return this.#endPiece();
    const { bytes, number, pieces, upto } = making;
    this.#making = null;
    this.#database.exec("BEGIN IMMEDIATE");
    this.#database.prepare("DELETE FROM images").run();
    this.#database.prepare("INSERT INTO images VALUES (?, ?, ?)").run(number, upto, pieces);
    this.#database.prepare("DELETE FROM pieces WHERE image < ?").run(number);
    this.#database.exec("COMMIT");
    this.#unfinished = false;
    this.upto = upto;
    this.bytes = bytes;
    return 2;
  }

  /** Gives up the image that is being made. */
  abandon(): void {
    this.#making = null;
  }

  /** Pieces that no image will ever have take space. */
  #dropUnfinished(): void {
    if (!this.#unfinished) return;
    this.#database.prepare(
      "DELETE FROM pieces WHERE image > (SELECT coalesce(max(image), 0) FROM images)",
    ).run();
    this.#unfinished = false;
  }

  #endPiece(): number {
    const making = this.#making!;
    const { written } = this.#piece;
    this.#insertPiece.run(making.number, checksum(written, making.number), written);
    making.pieces++;
    making.bytes += written.length;
    this.#piece.clear();
    return 1 + (written.length >>> 12);
  }
}
