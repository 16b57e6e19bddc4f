/**
 * `xs serve` with a history, killed with SIGKILL while several processes change its store: what was acknowledged is in the history once,
 * what was not at most once, no number is used twice, and each moment is what a model says.
 */
import { assert, assertEquals } from "@std/assert";
import { fileHistory, type HistorySource } from "../../lib/archive/past/history_source.ts";
import type { HistoryRecord } from "../../lib/history/record.ts";
import {
  checkBlame,
  checkDiff,
  checkMoments,
  checkShow,
  logOf,
} from "../support/history_checks.ts";
import { Random, roundsOf } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";
import { ClientProcess } from "./client_process.ts";
import { MortalStore, type Use } from "./mortal_store.ts";

/** Of each store. */
const DEATHS = Number(Deno.env.get("XS_DEATHS") ?? 5);

interface Trial extends Use {
  /** Bursts in each life, the last of which it does not survive. */
  readonly bursts: number;
  /** There are live updates, too. */
  readonly updates: boolean;
}

/** Lives of one store; `check` is given it in its last one. */
async function trial(
  { bursts, updates, ...use }: Trial,
  seed: number,
  check: (store: MortalStore, random: Random) => Promise<void>,
): Promise<void> {
  await using scratch = await makeScratch();
  const folder = scratch.path, socket = `${folder}/socket`, random = new Random(seed);
  await using quiet = await ClientProcess.start("quiet", `${folder}/quiet`, socket);
  await using other = await ClientProcess.start("other", `${folder}/other`, socket);
  const processes = [ClientProcess.own(socket), quiet, other];
  const store = new MortalStore(folder, use, processes, random);
  try {
    for (let life = 1; life <= DEATHS; life++) {
      await store.start();
      for (let burst = 1; burst < bursts; burst++) {
        const update = updates && random.chance(0.5) ? store.update(random.chance(0.5)) : null;
        await Promise.all([store.burst(null), update]);
        await store.learn(store.source);
      }
      // At times nothing is under way.
      await store.burst(random.below(store.most * 1.1));
      await store.die();
      // The files have it already, and the next daemon finds the same.
      if (random.chance(0.5)) await store.learn(fileHistory(`${store.path}.history`));
    }
    await store.start();
    await check(store, random);
  } catch (error) {
    throw new Error(`failed with XS_SEED=${seed}: ${store.daemon.output()}`, { cause: error });
  } finally {
    await store.daemon.stop();
    processes[0]!.nodes.session.close();
  }
}

/** Log, blame, differences and `xs show` at some numbers. */
async function checkAnswers(
  store: MortalStore,
  random: Random,
  source: HistorySource = store.source,
): Promise<void> {
  const { answers, head } = await logOf(source);
  const { trees } = store.requests;
  const exact = [...trees.keys()].filter((number) => number >= head.completeAfter);
  for (let i = 0; i < 8; i++) {
    await checkBlame(source, random.pick(exact), answers, head);
    await checkDiff(store.socketPath, trees, random.pick(exact), random.pick(exact));
    await checkShow(source, random.pick(answers));
  }
}

for (const durability of ["crash", "disk"]) {
  Deno.test(`killed at random points: each commit is in the history once: ${durability}`, async () => {
    const args = ["--persist", durability];
    for (const { seed } of roundsOf(2, 1)) {
      const use = { args, bursts: 3, requests: 2, floods: false, updates: true };
      await trial(use, seed, async (store, random) => {
        const { last, starts, trees } = store.requests, { head } = await logOf(store.source);
        assertEquals([head.begins.number <= 1, head.completeAfter <= 1], [true, true]);
        assertEquals(starts, DEATHS + 1 + store.updates);
        assertEquals([await checkMoments(store.source, trees), trees.size], [last, last]);
        await checkAnswers(store, random);
      });
    }
  });
}

Deno.test("the same with so small a bound that the oldest are folded, thinned and pruned", async () => {
  const args = ["--history", "1M,7d"];
  for (const { fixed, seed } of roundsOf(2, 1)) {
    const use = { args, bursts: 4, requests: 12, floods: true, updates: false };
    await trial(use, seed, async (store, random) => {
      // While the daemon lives, it may fold and prune what is looked at.
      await store.daemon.stop();
      const source = fileHistory(`${store.path}.history`), { trees } = store.requests;
      const { answers, head } = await logOf(source);
      const some = [...trees.keys()].filter(() => random.chance(0.05));
      const exact = await checkMoments(source, trees, some);
      if (fixed) assert(exact > 0 && exact < some.length, `${exact} of ${some.length} are exact`);
      assert(Deno.statSync(`${store.path}.history`).size < 1.5 * 2 ** 20);
      checkTold(answers, store, head.completeAfter);
      await checkAnswers(store, random, source);
    });
  }
});

/** All that is said to be complete is there, as it was when it was new. */
function checkTold(answers: readonly HistoryRecord[], store: MortalStore, after: number): void {
  const told = new Map(answers.map((record) => [record.number, record]));
  for (const [number, record] of store.requests.records) {
    if (number > after) assertEquals(told.get(number), record);
  }
}
