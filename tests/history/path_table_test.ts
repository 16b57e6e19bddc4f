/** Paths as numbers: records that have them are the same bytes, and fold to the same records, as those with texts. */
import { assert, assertEquals } from "@std/assert";
import { splitRecords } from "../../lib/history/block_split.ts";
import { foldInSteps, foldRecords } from "../../lib/history/fold.ts";
import { NumberedPathSet, PathSet } from "../../lib/history/path_set.ts";
import { PathTable } from "../../lib/history/path_table.ts";
import type { Author, HistoryRecord } from "../../lib/history/record.ts";
import { encodeRecords, RecordsEncoder } from "../../lib/history/record_bytes.ts";
import { decodeNumbered, decodeRecords } from "../../lib/history/record_reader.ts";
import { weighText } from "../../lib/history/sizes.ts";
import { finish } from "../../lib/history/steps.ts";
import { compareInWalk } from "../../lib/history/walk_order.ts";
import { PATH_TABLE_PLACES_REUSED } from "../../lib/limits.ts";
import { sharedLength, toBytes } from "../../lib/wire/text.ts";
import { type Random, roundsOf, withSeed } from "../support/random.ts";
import { QUIET, RandomHistory } from "./random_history.ts";
import { guest, Writer } from "./support.ts";

const NAMES = ["a", "ab", "abc", "b", "n".repeat(300), "c-1"];

function randomPath(random: Random): string {
  if (random.chance(0.03)) return random.pick(["@releaseDomain", "@introduceDomain", "/"]);
  return Array.from({ length: 1 + random.below(7) }, () => `/${random.pick(NAMES)}`).join("");
}

/** Blocks of records, some of which are of deep and many paths. */
function randomBlocks(random: Random): Uint8Array[] {
  const source = new RandomHistory(random);
  return Array.from({ length: 1 + random.below(3) }, () => {
    const records = Array.from({ length: random.below(30) }, (): HistoryRecord => {
      const record = source.next(), [some] = record.type === "commit" ? record.changes : [];
      if (record.type !== "commit" || some === undefined || random.chance(0.5)) return record;
      const paths = new Set(Array.from({ length: 1 + random.below(9) }, () => randomPath(random)));
      return { ...record, changes: [...paths].map((path) => ({ ...some, path })) };
    });
    return encodeRecords(records).slice();
  });
}

const folds = (author: Author): boolean => author !== QUIET;

Deno.test("path table: numbered records are the same bytes and weights as those with texts", () => {
  const table = new PathTable(), encoder = new RecordsEncoder(table);
  for (const { seed } of roundsOf(200, 20)) {
    withSeed((random) => {
      table.clear();
      const blocks = randomBlocks(random);
      const texts = blocks.flatMap((bytes) => decodeRecords(bytes));
      const numbered = blocks.flatMap((bytes) => decodeNumbered(bytes, table));
      assertEquals(encoder.all(numbered), encodeRecords(texts));
      const sizes = splitRecords(texts, weighText).map(({ length }) => length);
      assertEquals(splitRecords(numbered, table.weigh).map(({ length }) => length), sizes);
      const folded = finish(foldInSteps(numbered, folds, [])), plain = foldRecords(texts, folds);
      assertEquals(folded.incompleteTo, plain.incompleteTo);
      assertEquals(encoder.all(folded.records), encodeRecords(plain.records));
    }, seed);
  }
});

Deno.test("path table: numbers are in the order of a walk, and what is only looked for is not added", () => {
  const table = new PathTable();
  withSeed((random) => {
    for (let round = 0; round < 50; round++) {
      table.clear();
      const paths = Array.from({ length: 20 }, () => randomPath(random));
      const numbers = paths.map((path) => table.number(path));
      for (const [i, a] of paths.entries()) {
        assertEquals(table.text(numbers[i]!), a);
        assertEquals(table.lengthOf(numbers[i]!), a.length);
        for (const [k, b] of paths.entries()) {
          const order = Math.sign(compareInWalk(a, b));
          assertEquals(
            Math.sign(table.compareInWalk(numbers[i]!, numbers[k]!)),
            order,
            `${a} ${b}`,
          );
        }
      }
      let last = "";
      table.begin();
      const known = new Map(paths.map((path, i) => [path, numbers[i]!]));
      const others = [...paths, ...Array.from({ length: 20 }, () => randomPath(random))];
      for (let i = 0; i < 60; i++) {
        const path = random.pick(others);
        const shared = random.below(sharedLength(last, path) + 1), bytes = toBytes(path);
        const found = table.look(shared, bytes, shared, bytes.length), number = known.get(path);
        if (number !== undefined) assertEquals(found, number);
        // A path above one that is there is there, too.
        else if (found >= 0) assertEquals(table.text(found), path);
        last = path;
      }
      assertEquals(paths.map((path) => table.number(path)), numbers);
    }
  });
});

Deno.test("path set: of numbers it is that of their texts", () => {
  withSeed((random) => {
    const table = new PathTable(), numbered = new NumberedPathSet(table), texts = new PathSet();
    for (let i = 0; i < 300; i++) {
      const path = randomPath(random);
      numbered.add(table.number(path));
      texts.add(path);
      assertEquals(numbered.paths, texts.paths);
    }
  });
});

Deno.test("path table: it grows, tells each path's text, and begins again", () => {
  const table = new PathTable(), encoder = new RecordsEncoder(table);
  for (const count of [10, 3 * PATH_TABLE_PLACES_REUSED, 10]) {
    table.clear();
    const paths = Array.from({ length: count }, (_, i) => `/d/${i % 97}/${i}`);
    const changes = Object.fromEntries(paths.map((path) => [path, "v"]));
    const bytes = encodeRecords([new Writer().commit(1, guest(1), changes)]).slice();
    const [record] = decodeNumbered(bytes, table);
    assert(record?.type === "commit");
    assertEquals(record.changes.map(({ path }) => table.text(path)), paths);
    assertEquals(new Set(record.changes.map(({ path }) => path)).size, count);
    assertEquals(encoder.all([record]), bytes);
  }
});
