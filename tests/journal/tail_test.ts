/** The tail: what a death leaves at any moment of a commit, and files that are not as we left them. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { DamagedError } from "../../lib/codec/journal/byte_reader.ts";
import { readTail, Tail } from "../../lib/journal/tail.ts";
import { type Random, withSeed, withSeeds } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";

const ID = "0123456789-0123456789-0123456789-012";
const SIZE = 4096;

interface Turn {
  readonly turn: number;
  readonly changes: Uint8Array;
}

function randomTurn(random: Random, turn: number): Turn {
  const length = random.chance(0.1) ? 1500 : random.below(90);
  return { turn, changes: Uint8Array.from({ length }, () => random.below(256)) };
}

function turnsIn(bytes: Uint8Array<ArrayBuffer>, mayTear = false): Turn[] {
  return [...readTail(bytes, ID, mayTear)].map(({ turn, changes }) => ({
    turn,
    changes: changes.slice(),
  }));
}

Deno.test("tail: what was appended is read, what was replaced or cleared is not", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/tail`;
  withSeeds((random, fixed) => {
    let refusals = 0;
    let tail = Tail.create(path, ID, SIZE);
    let expected: Turn[] = [], last = 0;
    for (let step = 0; step < 300; step++) {
      const next = randomTurn(random, last + 1);
      const dice = random.next();
      if (dice < 0.8) {
        const room = tail.append(next.turn, step, next.changes);
        if (room) expected.push(next), last++;
        else refusals++;
      } else if (dice < 0.85) {
        assert(tail.replace(next.turn, step, next.changes));
        expected = [next];
        last++;
      } else if (dice < 0.9) {
        tail.clear(last);
        assertEquals(tail.moved, last);
        expected = [];
      } else {
        tail.close();
        tail = Tail.open(path, ID, random.chance(0.5));
      }
      assertEquals(turnsIn(Deno.readFileSync(path)), expected);
    }
    tail.close();
    Deno.removeSync(path);
    assert(!fixed || refusals > 0, "it was never full");
  });
});

Deno.test("tail: a death before the last step of a commit has not committed", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/tail`;
  const tail = Tail.create(path, ID, SIZE);
  const changes = (text: string): Uint8Array => new TextEncoder().encode(text);
  assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
  tail.append(1, 0, changes("first"));
  const before = Deno.readFileSync(path);
  const step = (act: () => void): Uint8Array<ArrayBuffer> => {
    act();
    const after = Deno.readFileSync(path);
    // All bytes of the record are there, the word that makes it count is not.
    after.set(before.subarray(8, 12), 8);
    return after;
  };
  const first = { turn: 1, changes: changes("first") };
  assertEquals(turnsIn(step(() => tail.append(2, 0, changes("second")))), [first]);
  assertEquals(turnsIn(step(() => tail.replace(2, 0, changes("instead")))), [first]);
  assertEquals(turnsIn(Deno.readFileSync(path)), [{ turn: 2, changes: changes("instead") }]);
  tail.close();
});

Deno.test("tail: one that is damaged, missing or another store's is refused", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/tail`;
  const open = (mayTear = false): void => Tail.open(path, ID, mayTear).close();
  const refusal = (): string => assertThrows(() => open(), DamagedError).message;
  assertEquals(refusal(), `the file with the last turns, ${path}, is missing`);
  Deno.writeTextFileSync(path, "something else");
  assertEquals(refusal(), "the tail file beside it is none");
  Tail.create(path, ID.replace("0", "x"), SIZE).close();
  assertEquals(refusal(), "the tail file beside it belongs to another store file");
  const tail = Tail.create(path, ID, SIZE);
  for (let turn = 1; turn <= 5; turn++) tail.append(turn, 0, new Uint8Array(50).fill(turn));
  tail.close();
  const whole = Deno.readFileSync(path);
  const end = 64 + 5 * 80;
  withSeed((random) => {
    for (let round = 0; round < 300; round++) {
      const bytes = whole.slice();
      // 50 bytes of changes: the last six of each record are no part of it.
      bytes[64 + random.below(end - 64)]! ^= 1 << random.below(8);
      const before = turnsIn(whole);
      try {
        assertEquals(turnsIn(bytes), before);
      } catch (error) {
        assert(error instanceof DamagedError, `${error}`);
      }
    }
  });
  for (const wrong of [0, 60, 65, SIZE + 8, 0xffff_fff8]) {
    const bytes = whole.slice();
    new DataView(bytes.buffer).setUint32(8, wrong, true);
    assertThrows(() => turnsIn(bytes), DamagedError);
  }
});

Deno.test("tail: after a loss of power a record that is not whole ends it", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/tail`;
  const tail = Tail.create(path, ID, SIZE);
  for (let turn = 1; turn <= 3; turn++) tail.append(turn, 0, new Uint8Array(50).fill(turn));
  tail.close();
  const bytes = Deno.readFileSync(path);
  bytes.fill(0, 64 + 2 * 80);
  assertThrows(() => turnsIn(bytes), DamagedError);
  assertEquals(turnsIn(bytes, true).map(({ turn }) => turn), [1, 2]);
  Deno.writeFileSync(path, bytes);
  const next = Tail.open(path, ID, true);
  assert(next.append(3, 0, new Uint8Array(10)));
  next.close();
  assertEquals(turnsIn(Deno.readFileSync(path)).map(({ turn }) => turn), [1, 2, 3]);
});
