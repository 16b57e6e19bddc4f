/**
 * Plays `pinned-values` while images of the store and keyframes of the history are written, and prints what stays in memory outside of
 * the heap: run by old_versions_test.ts, which gives the flags.
 */
import { keyframeNodes } from "../../lib/history/keyframe_nodes.ts";
import { loadPacker } from "../../lib/history/packing.ts";
import { storedBytes } from "../../lib/server/process/give_back_memory.ts";
import { Redaction } from "../../lib/store/redaction.ts";
import { ATTACKS } from "../support/attack/attacks.ts";
import { makeScratch } from "../support/scratch.ts";
import { Skirmish } from "./skirmish.ts";
import { SmallHost } from "./small_host.ts";

/** What there was in memory when most of it was not charged, in bytes. */
export interface OldVersions {
  readonly external: number;
  readonly stored: number;
  /** How many were whole. */
  readonly images: number;
  readonly keyframes: number;
}

declare const gc: () => void;

/** So many fill the guests' quotas; then they write all again. */
const TURNS = 14_000, TURNS_A_LOOK = 50, TURNS_BEFORE = 6_000;

await using scratch = await makeScratch();
const host = new SmallHost(scratch.path), { state } = host.engine;
host.history.history!.use(await loadPacker());
gc();
const before = Deno.memoryUsage().external;
const skirmish = new Skirmish(ATTACKS.find(({ name }) => name === "pinned-values")!, host, 1);
const most = { external: 0, stored: 0 };
let images = 0;
for (let turns = 0; turns < TURNS; turns += TURNS_A_LOOK) {
  const { history } = host.history, { pendingBytes } = host.journal;
  if (history !== null && history.unfinished === null && turns >= TURNS_BEFORE) {
    const nodes = keyframeNodes(state.tree.snapshot(), state.specials, new Redaction());
    history.beginKeyframe(Math.floor(host.now * 1_000), nodes);
  }
  skirmish.fight({ turns: TURNS_A_LOOK, ms: Infinity });
  if (host.journal.pendingBytes < pendingBytes) images++;
  if (turns < TURNS_BEFORE) continue;
  gc();
  const external = Deno.memoryUsage().external - before, stored = storedBytes(state);
  if (external - stored > most.external - most.stored) Object.assign(most, { external, stored });
}
const keyframes = host.history.history!.keyframes.heads.filter(({ isWhole }) => isWhole).length;
console.log(JSON.stringify({ ...most, images, keyframes } satisfies OldVersions));
host.close();
