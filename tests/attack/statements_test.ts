/** A turn of the daemon prepares no statement of SQLite: each one is garbage outside of the heap. */
import { assert } from "@std/assert";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { ATTACKS } from "../support/attack/attacks.ts";
import { testSeed } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";
import { Skirmish } from "./skirmish.ts";
import { SmallHost } from "./small_host.ts";

const TURNS = 2_000;
/** Images, keyframes and what begins or ends with them prepare some. */
const PREPARED_MAX = TURNS / 4;

/** Calls `action`; returns how many statements it has had prepared, by their text. */
function countPrepared(action: () => void): Map<string, number> {
  const prepared = new Map<string, number>();
  const { prepare } = DatabaseSync.prototype;
  DatabaseSync.prototype.prepare = function (text, ...options): StatementSync {
    prepared.set(text, (prepared.get(text) ?? 0) + 1);
    return prepare.call(this, text, ...options);
  };
  try {
    action();
  } finally {
    DatabaseSync.prototype.prepare = prepare;
  }
  return prepared;
}

for (const name of ["journal-flood", "mkdir-480", "socket-flood", "pinned-values", "mix"]) {
  Deno.test(`attack ${name}: few statements are prepared`, async () => {
    await using scratch = await makeScratch();
    const host = new SmallHost(scratch.path);
    const attack = ATTACKS.find((attack) => attack.name === name)!;
    const skirmish = new Skirmish(attack, host, testSeed());
    const prepared = countPrepared(() => skirmish.fight({ turns: TURNS, ms: Infinity }));
    host.close();
    const count = [...prepared.values()].reduce((sum, times) => sum + times, 0);
    assert(count <= PREPARED_MAX, `${count}: ${JSON.stringify([...prepared])}`);
  });
}
