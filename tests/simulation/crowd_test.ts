/** A thousand domains: nothing of them stays behind, and one's request costs what it costs alone. */
import { assert, assertEquals } from "@std/assert";
import { encodeMessage } from "../../lib/wire/header.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { until } from "../support/patience.ts";
import { testUnless } from "../support/skip.ts";
import { Bench } from "../support/simulation/bench.ts";
import { DEAD, EXISTS, simulationMissing } from "../support/simulation/simulated_host.ts";

const missing = simulationMissing();

const CROWD = 1000;
const ROUNDS = 20;

/** So many more are granted to a collector that is late; a leak grows in each of them. */
const ROUNDS_MORE = 10;

/** What ten rounds may add to the resident memory, in MiB: the collector's noise. */
const GROWTH_MAX_MIB = 20;

/** Descriptors that the runtime and a client just leaving may have open for a while. */
const FDS_NOISE = 8;

/** Domids are not used again before all others were. */
function domidsOf(round: number): number[] {
  return Array.from({ length: CROWD }, (_, i) => 1 + round * CROWD + i);
}

async function introduceAll(bench: Bench, domids: readonly number[]): Promise<void> {
  for (const domid of domids) bench.host.create(domid);
  const homes = domids.map((domid) => `/local/domain/${domid}.`);
  await bench.askAll("MKDIR", homes);
  await bench.askAll("SET_PERMS", domids.map((domid, i) => `${homes[i]}n${domid}.`));
  const replies = await bench.askAll("INTRODUCE", domids.map((domid) => `${domid}.1.5.`));
  assertEquals(new Set(replies), new Set(["OK."]));
}

/** Each domain watches a node of its own, then writes it; all answers must come. */
async function useAll(bench: Bench, domids: readonly number[]): Promise<void> {
  const event = 16 + "data.token.".length;
  const reply = 16 + "OK.".length;
  await exchangeAll(bench, domids, MessageType.WATCH, "data\0token\0", reply + event);
  await exchangeAll(bench, domids, MessageType.WRITE, "data\0value", event + reply);
}

/** The same request from each domain, all at once; each gets so many bytes back. */
async function exchangeAll(
  bench: Bench,
  domids: readonly number[],
  type: number,
  payload: string,
  expected: number,
): Promise<void> {
  const request = encodeMessage(type, 1, 0, toBytes(payload)).slice();
  const guests = domids.map((domid) => bench.host.guest(domid));
  for (const guest of guests) guest.write(request, 0, request.length);
  const buffer = new Uint8Array(4096);
  for (const guest of guests) {
    let count = 0;
    await until("all answers", () => (count += guest.read(buffer, 0, 4096)) >= expected);
    assertEquals(count, expected);
  }
}

async function killAll(bench: Bench, domids: readonly number[]): Promise<void> {
  for (const domid of domids) bench.host.setState(domid, EXISTS | DEAD);
  await bench.raise();
  for (const domid of domids) bench.host.setState(domid, 0);
  await bench.raise();
}

interface Footprint {
  readonly fds: number;
  readonly maps: number;
  readonly mib: number;
}

async function footprint(pid: number): Promise<Footprint> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const maps = await Deno.readTextFile(`/proc/${pid}/maps`);
  return {
    fds: [...Deno.readDirSync(`/proc/${pid}/fd`)].length,
    // Those of the page are ours; V8's own come and go.
    maps: maps.split("\n").filter((line) => line.endsWith("/pages")).length,
    mib: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024,
  };
}

for (const list of ["libxenctrl", "libxenmanage"] as const) {
  testUnless(
    missing,
    `${list}: ${ROUNDS} times ${CROWD} domains leave nothing behind`,
    async () => {
      await using bench = await Bench.make(list);
      const before = await footprint(bench.daemon.pid);
      const sizes: number[] = [];
      /** What the last ten rounds have added; those before it compile the code and fill the heap. */
      const growth = (): number => sizes.at(-1)! - sizes.at(-11)!;
      const isDone = (rounds: number): boolean =>
        rounds >= ROUNDS && (growth() <= GROWTH_MAX_MIB || rounds >= ROUNDS + ROUNDS_MORE);
      for (let round = 0; !isDone(round); round++) {
        const domids = domidsOf(round);
        await introduceAll(bench, domids);
        await useAll(bench, domids);
        assertEquals(bench.host.counters.mapped, CROWD);
        await killAll(bench, domids);
        const after = await footprint(bench.daemon.pid);
        assertEquals(after.maps, before.maps, `maps after round ${round}`);
        assert(
          after.fds <= before.fds + FDS_NOISE,
          `${after.fds} descriptors, at first ${before.fds}`,
        );
        assertEquals([bench.host.counters.mapped, bench.host.counters.bound], [0, 2]);
        sizes.push(Math.round(after.mib));
      }
      assertEquals(await bench.ask("DIRECTORY", "/local/domain."), [""]);
      assert(growth() <= GROWTH_MAX_MIB, `resident MiB after each round: ${sizes.join(" ")}`);
    },
  );
}

/** Calls into Xen's libraries for 100 READs of one guest, one after the other. */
async function callsOf(bench: Bench, domid: number): Promise<number[]> {
  const guest = bench.client(domid);
  const before = bench.host.counters;
  for (let i = 0; i < 100; i++) {
    await guest.request(MessageType.READ, toBytes(`/local/domain/${domid}\0`), 0);
  }
  await until("quiet", () => bench.host.virqTaken);
  const after = bench.host.counters;
  return [
    after.notifies - before.notifies,
    after.infos - before.infos,
    after.unmasks - before.unmasks,
  ];
}

testUnless(missing, "a request costs the same among a thousand domains", async () => {
  await using bench = await Bench.make("libxenctrl");
  await introduceAll(bench, [1]);
  const alone = await callsOf(bench, 1);
  const { unmasks } = bench.host.counters;
  await introduceAll(bench, domidsOf(1));
  await until("the events of binding", () => bench.host.counters.unmasks >= unmasks + CROWD);
  const among = await callsOf(bench, 1);
  // One event for each index that the daemon moves, whoever else is there.
  assertEquals([alone[0], alone[1]], [200, 0]);
  assertEquals([among[0], among[1]], [200, 0]);
  assert(alone[2]! <= 210 && among[2]! <= 210, `unmasked ${alone[2]} and ${among[2]} times`);
});
