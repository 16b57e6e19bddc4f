/** The block that grows: what is folded as it comes, what is shown of it, and what a kill would cost. */
import { assert, assertEquals } from "@std/assert";
import type { ProcessAuthor } from "../../lib/engine/author.ts";
import { OneChange } from "../../lib/history/one_change.ts";
import { Pending } from "../../lib/history/pending.ts";
import type { Author, HistoryRecord } from "../../lib/history/record.ts";
import {
  HISTORY_BLOCK_BYTES,
  HISTORY_FAST_RECORDS,
  HISTORY_TALLIES_MAX,
} from "../../lib/limits.ts";
import { type Random, withSeed } from "../support/random.ts";

const PERMS = [0];

function author(pid: number): ProcessAuthor {
  return { kind: "process", domid: 0, pid, startTime: 1, uid: 0, command: "xl" };
}

function state(value: number): { value: Uint8Array; perms: readonly number[] } {
  return { value: new Uint8Array([value]), perms: PERMS };
}

/** Commits as a recorder tells them: one object again and again. */
class Writer {
  readonly record = new OneChange();
  number = 0;

  write(who: Author, path: string, value: number): OneChange {
    const { record } = this;
    record.number = ++this.number;
    record.at = this.number;
    record.author = who;
    record.kind = "write";
    record.tell({ path, old: state(value - 1), new: state(value) }, false);
    return record;
  }
}

/** The same by a model that keeps all: number, path, value, how many and since which. */
type Line = readonly [number, string, number, number, number];

function linesOf(records: readonly HistoryRecord[]): Line[] {
  return records.map((record) => {
    assert(record.type === "commit");
    const { count, first, new: now, path } = record.changes[0]!;
    assert(now !== null && now.value instanceof Uint8Array);
    return [record.number, path, now.value[0]!, count, first];
  });
}

/** Adds some writes; of those that come too fast only the last of an author and path in a row is left. */
function fill(random: Random, pending: Pending, look: (model: readonly Line[]) => void): void {
  const writer = new Writer(), model: Line[] = [], last = new Map<string, number>();
  const done = new Map<string, Author>();
  for (let i = 0; i < 1_500 && !pending.isFull; i++) {
    // Each time another object, as of another connection.
    const who = author(random.below(2)), path = `/${random.below(20)}`, value = random.below(200);
    pending.add(writer.write(who, path, value));
    const { number } = writer, earlier = model.findIndex((line) => line[0] === last.get(path));
    const merges = i >= HISTORY_FAST_RECORDS && (done.get(path) as ProcessAuthor)?.pid === who.pid;
    const [count, first] = merges ? [model[earlier]![3] + 1, model[earlier]![4]] : [1, number];
    if (merges) model.splice(earlier, 1);
    model.push([number, path, value, count, first]);
    last.set(path, number);
    done.set(path, who);
    if (random.chance(0.02)) look(model);
  }
  look(model);
}

Deno.test("pending: what comes too fast is folded as it comes, whenever it is looked at", () => {
  withSeed((random) => {
    let folded = 0;
    for (let round = 0; round < 20; round++) {
      const pending = new Pending(), shown: [readonly HistoryRecord[], Line[]][] = [];
      fill(random, pending, (model) => {
        const { records } = pending, lines = linesOf(records);
        assertEquals(lines, [...model]);
        shown.push([records, lines]);
        folded += lines.filter(([, , , count]) => count > 1).length;
      });
      // What was shown stays as it was: a query may be at work on it.
      for (const [records, lines] of shown) {
        assertEquals(linesOf(records.slice(0, lines.length)), lines);
      }
    }
    assert(folded > 100);
  });
});

Deno.test("pending: what a kill would cost is counted by author, however many objects they are", () => {
  const pending = new Pending(), writer = new Writer();
  const count = 3 * HISTORY_TALLIES_MAX;
  for (let i = 0; i < count; i++) pending.add(writer.write(author(i % 3), `/${i % 3}`, i % 200));
  const { first, missing } = pending.unsaved!;
  assertEquals(first.number, 1);
  assertEquals(
    missing.map(({ author, count }) => [(author as ProcessAuthor).pid, count]),
    [[0, count / 3], [1, count / 3], [2, count / 3]],
  );
  pending.saved();
  assertEquals([pending.unsaved, pending.isDirty], [null, false]);
  const record = writer.write(author(1), "/1", 7);
  for (const value of [8, 9]) record.takeNext(++writer.number, state(value));
  pending.add(record);
  assertEquals(pending.unsaved!.missing.map(({ count }) => count), [3]);
});

Deno.test("pending: a block whose values grow as they are folded is full in time", () => {
  const pending = new Pending(), writer = new Writer(), who = author(1);
  const paths = Array.from({ length: 200 }, (_, i) => `/${i}`);
  for (let i = 0; i <= HISTORY_FAST_RECORDS; i++) pending.add(writer.write(who, "/a", 1));
  for (const path of paths) pending.add(writer.write(who, path, 1));
  assert(!pending.isFull);
  let written = 0;
  for (const path of paths) {
    if (pending.isFull) break;
    const record = writer.write(who, path, 2);
    record.tell(
      { path, old: state(1), new: { value: new Uint8Array(2_000), perms: PERMS } },
      false,
    );
    pending.add(record);
    written += 2_000;
  }
  assert(pending.isFull && written <= HISTORY_BLOCK_BYTES, `${written} bytes`);
});
