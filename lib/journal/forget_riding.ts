/** Takes what has ridden with turns out of the rows of a store file, once its rider has it. */
import type { DatabaseSync } from "node:sqlite";
import { RIDING_ROWS_A_STEP } from "../limits.ts";
import { checkedBytes, checksum } from "./checksum.ts";
import { isRider, nextRecord, turnAt } from "./turn_record.ts";

/**
 * In steps, some rows each, of turns up to `upto`: what rides with later ones the rider may not have yet. What is deleted is
 * overwritten, and SQLite's log is emptied at the end.
 *
 * @throws {DamagedError} when a row is not what was written; {Error} when the file cannot be written.
 */
export function* forgetRiding(database: DatabaseSync, upto: number): Generator<void, void, void> {
  const select = database.prepare(
    "SELECT last, sum, records FROM turns WHERE last > ? AND last <= ? ORDER BY last LIMIT ?",
  );
  const update = database.prepare("UPDATE turns SET sum = ?, records = ? WHERE last = ?");
  for (let from = 0;;) {
    const rows = select.all(from, upto, RIDING_ROWS_A_STEP);
    if (rows.length === 0) break;
    database.exec("PRAGMA secure_delete = ON");
    try {
      for (const row of rows) {
        from = Number(row["last"]);
        const name = `the row of turns up to ${from}`;
        const bytes = checkedBytes(row["records"], row["sum"], from, name);
        const left = withoutRiding(bytes);
        if (left.length < bytes.length) update.run(checksum(left, from), left, from);
      }
    } finally {
      // Turns that go would else have to be overwritten one by one.
      database.exec("PRAGMA secure_delete = OFF");
    }
    yield;
  }
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
}

function withoutRiding(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const left = new Uint8Array(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length;) {
    const next = nextRecord(view, at);
    if (!isRider(turnAt(view, at))) {
      left.set(bytes.subarray(at, next), length);
      length += next - at;
    }
    at = next;
  }
  return left.subarray(0, length);
}
