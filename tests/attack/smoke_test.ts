/** All attacks, small, in this process: what counts is turns, units and bytes, not seconds. */
import { assert, assertEquals } from "@std/assert";
import { check } from "../../lib/engine/recount.ts";
import { costMax } from "../../lib/engine/memory_model.ts";
import { Quotas } from "../../lib/engine/quotas.ts";
import {
  LOG_LINES_BURST,
  LOG_LINES_PER_SECOND,
  PRIVILEGED_LOG_LINES_BURST,
  PRIVILEGED_LOG_LINES_PER_SECOND,
} from "../../lib/limits.ts";
import { until } from "../support/patience.ts";
import { testSeed } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";
import { type Attack, ATTACKS } from "../support/attack/attacks.ts";
import type { PlainProbe } from "../support/attack/probes.ts";
import { type Length, Skirmish } from "./skirmish.ts";
import { HISTORY_BYTES, SmallHost } from "./small_host.ts";

/** What an attack may do at most; milliseconds are those of units. */
interface Bounds {
  /** Units of one turn. */
  readonly turnUnits: number;
  /** Waits of the quiet guest and of the quiet socket, in ms. */
  readonly worstMs: number;
}

/** Half a millisecond a turn, and what may wait: a turn or two. */
const USUAL: Bounds = { turnUnits: 50_000, worstMs: 2 };

const LENGTH: Length = { turns: 2_500, ms: 300 };

/** Where one request is long: it is never split. */
const UNUSUAL: Readonly<Record<string, Partial<Bounds>>> = {
  "mkdir-480": { turnUnits: 120_000 },
  "mkdir-990": { turnUnits: 350_000, worstMs: 4 },
  "reset-watches": { turnUnits: 90_000 },
  "prepared-commits": { turnUnits: 450_000, worstMs: 5 },
  // 4,096 events.
  "fan-out": { turnUnits: 250_000, worstMs: 5 },
  "slow-watcher": { turnUnits: 500_000, worstMs: 7 },
  "mix": { turnUnits: 500_000, worstMs: 7 },
};

/** dom0's transactions are refused at most so often in a row. */
const EAGAIN_ROW_MAX = 3;

/** What the store's files may have beside four images. */
const FILES_BYTES_MAX = 16 * 1_048_576;

/** What a history may have beyond its bound: a quarter of it, and what one turn and two blocks may bring. */
const HISTORY_BYTES_MAX = 1.25 * HISTORY_BYTES + 2_097_152;

/** What a guest may cost beyond its bound: what is under way when that is reached. */
const CHARGED_BEYOND_MAX = 65_536;

/** Bytes of an image, about: what all domains are charged. */
function imageBytes({ engine: { state: { accounts } } }: SmallHost): number {
  return accounts.domids().reduce((sum, domid) => sum + accounts.of(domid).now.memory, 0);
}

/** What the store's files may take now. */
function filesMax(host: SmallHost): number {
  return 4 * imageBytes(host) + FILES_BYTES_MAX;
}

function assertWaits({ name, times }: PlainProbe, worstMs: number): void {
  assert(times.length > 0, `the ${name} was never answered`);
  const worst = Math.max(...times);
  assert(worst <= worstMs, `the ${name} waited ${worst} ms`);
}

function assertLog(host: SmallHost, guests: number): void {
  const seconds = host.now / 1000;
  const ofGuest = LOG_LINES_BURST + seconds * LOG_LINES_PER_SECOND;
  const ofDom0 = PRIVILEGED_LOG_LINES_BURST + seconds * PRIVILEGED_LOG_LINES_PER_SECOND;
  // Warnings and the other lines have budgets of their own.
  const most = 2 * (guests * ofGuest + ofDom0);
  assert(host.log.length <= most, `${host.log.length} lines in the log`);
}

function assertNothingLeft(host: SmallHost, skirmish: Skirmish): void {
  const { state } = host.engine;
  assertEquals(check(state), []);
  for (const domid of skirmish.domids) {
    assertEquals(state.domains.get(domid), undefined, `domain ${domid} is dead`);
    const account = state.accounts.of(domid);
    const { nodes, watches, transactions, outstanding, memory } = account.now;
    const left = { nodes, watches, transactions, outstanding, memory };
    const nothing = { nodes: 0, watches: 0, transactions: 0, outstanding: 0, memory: 0 };
    assertEquals(left, nothing, `domain ${domid}`);
  }
}

async function play(attack: Attack, host: SmallHost, seed: number): Promise<void> {
  const bounds = { ...USUAL, ...UNUSUAL[attack.name] };
  const skirmish = new Skirmish(attack, host, seed);
  skirmish.fight(LENGTH);
  assert(skirmish.crew.replies > 0, "the attackers got nothing done");
  assert(host.unitsMax <= bounds.turnUnits, `a turn of ${host.unitsMax} units`);
  assertWaits(skirmish.quietGuest, bounds.worstMs);
  assertWaits(skirmish.quietSocket, bounds.worstMs);
  const { longestRow } = skirmish.transaction;
  assert(longestRow <= EAGAIN_ROW_MAX, `${longestRow} times EAGAIN in a row`);
  const files = filesMax(host);
  assert(skirmish.filesMax <= files, `files of ${skirmish.filesMax} bytes, not ${files}`);
  const { historyMax } = skirmish;
  assert(historyMax <= HISTORY_BYTES_MAX, `a history of ${historyMax} bytes`);
  const cost = costMax(new Quotas()) + CHARGED_BEYOND_MAX;
  assert(skirmish.chargedMax <= cost, `a guest costs ${skirmish.chargedMax} bytes, not ${cost}`);
  assertLog(host, skirmish.domids.length);
  skirmish.end();
  assertNothingLeft(host, skirmish);
  // In idle moments, some seconds behind the last image at the latest.
  await until("the files to shrink", () => {
    host.settle();
    return host.fileBytes <= filesMax(host);
  });
}

for (const attack of ATTACKS) {
  Deno.test(`attack ${attack.name}: ${attack.summary}`, async () => {
    const seed = testSeed();
    await using scratch = await makeScratch();
    const host = new SmallHost(scratch.path);
    try {
      await play(attack, host, seed);
    } catch (cause) {
      throw new Error(`failed with XS_SEED=${seed}`, { cause });
    } finally {
      host.close();
    }
  });
}
