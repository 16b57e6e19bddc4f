import type { DatabaseSync, StatementSync } from "node:sqlite";
import { ByteReader, DamagedError } from "../codec/journal/byte_reader.ts";
import { ByteWriter } from "../codec/journal/byte_writer.ts";
import { type ChangeSink, readChanges } from "../codec/journal/changes.ts";
import { checkedBytes, checksum } from "./checksum.ts";
import { Image } from "./image.ts";
import type { ImageSource } from "./journal.ts";

/** The images in the store file: the newest, and one that is being made. */
export class ImageShelf {
  readonly #database: DatabaseSync;
  readonly #insertPiece: StatementSync;
  readonly #deletePieces: StatementSync;
  readonly #piece = new ByteWriter(131_072);
  #making: { image: Image; number: number; upto: number; pieces: number; bytes: number } | null =
    null;
  #last: number;
  /** The number of the newest whole image; 0 when there is none. */
  #newestNumber: number;
  /** The last turn that the newest whole image contains; negative when there is no image. */
  upto: number;
  /** Bytes of the newest whole image. */
  bytes = 0;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#insertPiece = database.prepare(
      "INSERT INTO pieces (image, sum, changes) VALUES (?, ?, ?)",
    );
    this.#deletePieces = database.prepare(
      "DELETE FROM pieces WHERE piece IN (SELECT piece FROM pieces WHERE image <> ? LIMIT ?)",
    );
    const newest = this.#newest();
    this.upto = newest === undefined ? -1 : Number(newest["upto"]);
    const last = database.prepare("SELECT max(image) AS n FROM pieces").get();
    this.#last = Number(last?.["n"] ?? 0);
    this.#newestNumber = Number(newest?.["image"] ?? 0);
    this.#last = Math.max(this.#last, this.#newestNumber);
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

  /** Begins an image of everything as it is now, after turn `upto`; returns the bytes written. */
  begin({ state, rings }: ImageSource, upto: number): number {
    this.#last++;
    const image = new Image(state, rings());
    this.#making = { image, number: this.#last, upto, pieces: 0, bytes: 0 };
    this.#piece.clear();
    return this.continue();
  }

  /** Makes the next piece, or ends it; returns the bytes written. */
  continue(): number {
    const making = this.#making!;
    if (making.image.next(this.#piece)) return this.#endPiece();
    const { bytes, number, pieces, upto } = making;
    this.#making = null;
    this.#database.exec("BEGIN IMMEDIATE");
    this.#database.prepare("DELETE FROM images").run();
    this.#database.prepare("INSERT INTO images VALUES (?, ?, ?)").run(number, upto, pieces);
    this.#database.exec("COMMIT");
    this.#newestNumber = number;
    this.upto = upto;
    this.bytes = bytes;
    return 0;
  }

  /** Gives up the memory that pieces of the last image have taken. */
  dropSpare(): void {
    this.#piece.dropSpare();
  }

  /** Gives up the image that is being made. */
  abandon(): void {
    this.#making = null;
  }

  /**
   * Deletes at most `most` pieces of others than the newest whole image, none of which is being made;
   * false when there are none left.
   */
  deleteStale(most: number): boolean {
    const { changes } = this.#deletePieces.run(this.#newestNumber, most);
    return Number(changes) === most;
  }

  #endPiece(): number {
    const making = this.#making!;
    const { written } = this.#piece;
    this.#insertPiece.run(making.number, checksum(written, making.number), written);
    making.pieces++;
    making.bytes += written.length;
    this.#piece.clear();
    return written.length;
  }
}
