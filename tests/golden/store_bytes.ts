/** What a store file holds, read by its schema alone. */
import { assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";

const HEADER_BYTES = 24;

/** The pieces of its images, a line each. */
export function piecesOf(path: string): string {
  return [...rows(path, "SELECT changes FROM pieces ORDER BY piece")].map((changes, i) =>
    `piece ${i + 1}: ${changes.toHex()}\n`
  ).join("");
}

/** Its turns, a line each, without the moment at which each was made. */
export function turnsOf(path: string): string {
  return [...turns(path)].map(([turn, changes]) => `turn ${turn}: ${changes.toHex()}\n`).join("");
}

/** All changes of its turns after `turn`: how many turns they were does not show. */
export function changesAfter(path: string, turn: number): string {
  return [...turns(path)].filter(([number]) => number > turn).map(([, changes]) => changes.toHex())
    .join("");
}

export function lastTurnOf(path: string): number {
  return [...turns(path)].at(-1)?.[0] ?? 0;
}

function* turns(path: string): Generator<[turn: number, changes: Uint8Array]> {
  for (const row of rows(path, "SELECT records FROM turns ORDER BY last")) {
    const view = new DataView(row.buffer, row.byteOffset, row.length);
    for (let at = 0; at < row.length;) {
      const length = view.getUint32(at + 4, true), from = at + HEADER_BYTES;
      yield [view.getFloat64(at + 8, true), row.subarray(from, from + length)];
      const end = from + Math.ceil(length / 8) * 8;
      assertEquals(row.subarray(from + length, end).toHex().replaceAll("0", ""), "", "padding");
      at = end;
    }
  }
}

function rows(path: string, select: string): Uint8Array[] {
  using database = new DatabaseSync(path, { readOnly: true });
  return database.prepare(select).all().map((row) => Object.values(row)[0] as Uint8Array);
}
