/** The history in its file says the same as one on arrays would: what was there, or that it is not known. */
import { assert, assertEquals } from "@std/assert";
import { IN_MEMORY } from "../../lib/history/database.ts";
import { History } from "../../lib/history/history.ts";
import { momentAt } from "../../lib/history/reading.ts";
import { hasKeyframe, type HistoryRecord, sameNode } from "../../lib/history/record.ts";
import { HistoryUpkeep } from "../../lib/history/upkeep.ts";
import { type Random, roundsOf, withSeed } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";
import { RandomHistory, type Truth } from "./random_history.ts";
import { finish, packer, walked } from "./support.ts";

const found = { known: 0, unknown: 0, whole: 0, before: 0, folded: 0, rest: 0, thinned: 0 };
type Found = typeof found;

/** A restore whose keyframe was not written leaves all unknown up to the next one. */
function isLost(history: History, number: number): boolean {
  const base = history.keyframes.before(history.era.era, number);
  return base === null || !base.isWhole ||
    history.latest.some((record) =>
      hasKeyframe(record) && record.number > base.number && record.number <= number
    );
}

/** Checks some moments, all paths of each; and the records that must be whole. */
function check(history: History, truths: readonly Truth[], random: Random, count: Found): void {
  const horizon = history.horizon!.number;
  const paths = new Set(truths.flatMap(({ nodes }) => [...nodes.keys()]));
  for (const { nodes, number } of truths) {
    if (number < horizon) {
      count.before++;
      continue;
    }
    if (number > history.last || random.chance(0.99)) continue;
    const moment = finish(momentAt(history, number));
    for (const path of paths) {
      const between = moment.unknown(path);
      if (between === null) {
        const told = moment.nodes.get(path) ?? null;
        assert(sameNode(told, nodes.get(path) ?? null), `${path} at #${number}`);
        count.known++;
      } else {
        assert(
          isLost(history, number) || number < history.era.completeAfter,
          `${path} at #${number} must be known`,
        );
        count.unknown++;
      }
    }
  }
  const told = new Map<number, HistoryRecord>();
  for (const head of history.closed) {
    for (const record of history.blocks.read(head)) told.set(record.number, record);
  }
  for (const record of history.latest) told.set(record.number, record);
  count.thinned += history.thinned.length;
  for (const record of told.values()) {
    if (record.type !== "commit") continue;
    if (record.author.kind === "pruned") count.rest++;
    else if (record.changes.some((change) => change.count > 1)) count.folded++;
  }
  for (const { number, record } of truths) {
    if (number <= history.era.completeAfter || number > history.last) continue;
    assertEquals(told.get(number), record);
    count.whole++;
  }
}

/** One history, small blocks by small flushes, with bounds so tight that all that makes room happens. */
function trial(random: Random, path: string, count: Found): void {
  const source = new RandomHistory(random);
  source.number = 0;
  const store = "a store";
  const open = (): History => new History({ path, store, packer });
  let history = open();
  let bounds = {
    bytes: 118_000 + random.below(30_000),
    age: Infinity,
  };
  const begin = source.now;
  let upkeep = new HistoryUpkeep(history, bounds);
  assert(history.needsKeyframe);
  assert(history.beginKeyframe(source.now, []));
  for (let step = 0; step < 60; step++) {
    const dice = random.next();
    if (step === 40) {
      // From now on what is old goes as well.
      bounds = { ...bounds, age: (source.now - begin) / 2 };
      upkeep = new HistoryUpkeep(history, bounds);
    }
    const some = Array.from({ length: random.below(250) }, () => source.next());
    history.add(some);
    if (dice < 0.1) {
      history.add([source.restore()]);
      if (random.chance(0.8)) history.beginKeyframe(source.now, walked(source.nodes));
    }
    if (dice > 0.1 && dice < 0.15) history.beginKeyframe(source.now, walked(source.nodes));
    if (dice > 0.4) history.save();
    if (dice > 0.9 && path !== IN_MEMORY) {
      // All of it comes again, as from the journal of a daemon that was killed.
      history.close();
      history = open();
      upkeep = new HistoryUpkeep(history, bounds);
      history.add(source.truths.map(({ record }) => record));
      if (history.needsKeyframe) history.beginKeyframe(source.now, walked(source.nodes));
    }
    for (let slices = random.below(120); slices > 0; slices--) upkeep.step(source.now);
    if (step % 20 === 19) check(history, source.truths, random, count);
  }
  history.close();
}

Deno.test("a history in a file tells each moment right, or says that it does not know", async () => {
  await using scratch = await makeScratch();
  const count = { ...found };
  for (const [round, { fixed, seed }] of roundsOf(5, 4).entries()) {
    withSeed((random) => {
      const path = round % 2 === 0 ? IN_MEMORY : `${scratch.path}/${round}.history`;
      trial(random, path, fixed ? count : { ...found });
    }, seed);
  }
  if (Deno.env.get("XS_SEED") === undefined) {
    for (const [what, times] of Object.entries(count)) assert(times > 10, `${what} ${times}`);
  }
});
