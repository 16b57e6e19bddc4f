import { assert, assertEquals } from "@std/assert";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { NoJournal } from "../../lib/journal/journal.ts";
import { MEMORY_LOOK_MS } from "../../lib/limits.ts";
import { MemoryDomains } from "../../lib/server/domains/memory_domains.ts";
import { Trace } from "../../lib/server/logging/trace.ts";
import { EMBEDDED_POLICY } from "../../lib/server/loop.ts";
import { createListeningSocket } from "../../lib/server/process/create_listening_socket.ts";
import { Daemon } from "../../lib/server/start/daemon.ts";
import { MemoryReturn, storedBytes } from "../../lib/server/process/give_back_memory.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { Client, newEngine } from "../support/engine_client.ts";
import { startDaemon } from "../support/daemon.ts";
import { memoryIn } from "../support/attack/probes.ts";
import { deadline, pause, until } from "../support/patience.ts";
import { RawClient } from "../support/raw_client.ts";
import { makeScratch } from "../support/scratch.ts";

const MIB = 1_048_576;

/** A daemon that looks at its memory: a test says what it has, what it keeps, and what clients do. */
class World {
  collections = 0;
  /** How often it was asked what is stored. */
  asked = 0;
  stored = 0;
  /** How long it has worked, in ms. */
  worked = 0;
  /** Whether a keyframe is being written. */
  keepsOld = false;
  #now = 0;
  readonly #memoryReturn = new MemoryReturn(
    () => (this.asked++, this.stored * MIB),
    () => this.collections++,
  );

  /** The daemon works so long that it needs a full rest. */
  work(ms = 20): void {
    this.worked += ms;
  }

  /** Looks `ms` later, with `mib` resident; how often it has collected. */
  look(mib: number, ms = 250): number {
    this.#memoryReturn.look(this.#now += ms, mib * MIB, this.worked, this.keepsOld);
    return this.collections;
  }

  /** The clients work, then rest for longer than two collections are apart. */
  rest(mib: number): number {
    this.work();
    this.look(mib);
    return this.look(mib, 100_000);
  }
}

Deno.test("memory is given back only when there is more, no client asks, and not too often", () => {
  const world = new World();
  world.look(40);
  assertEquals(world.look(40, 100_000), 0, "nothing more");
  assertEquals(world.look(47, 100_000), 0, "little more");
  for (let i = 0; i < 50; i++) {
    world.work();
    assertEquals(world.look(60), 0, "it is busy");
  }
  assertEquals(world.look(60, 1_000), 0, "it was busy a moment ago");
  assertEquals(world.look(60, 1_000), 1, "2 s ago");
  // It takes a moment until all is free, and some of it is in use.
  assertEquals(world.look(55, 500), 1);
  assertEquals(world.look(50, 1_000), 1);
  assertEquals(world.look(50, 100_000), 1, "nothing is free any more");
  assertEquals(world.rest(57), 1, "little is more than what was in use");
  assertEquals(world.rest(59), 2);
  world.look(50, 1_500);
  world.work();
  world.look(60);
  assertEquals(world.look(60, 10_000), 2, "a moment ago it was done");
  assertEquals(world.look(60, 20_000), 3);
});

Deno.test("a daemon that is asked a little again and again gives memory back, and a busy one does not", () => {
  for (
    const [every, ms, isIdle] of [[250, 0.5, true], [2_000, 10, true], [250, 5, false], [
      2_000,
      100,
      false,
    ]] as const
  ) {
    const world = new World();
    world.rest(40);
    for (let at = 0; at < 60_000; at += every) {
      world.work(ms);
      for (let rest = 0; rest < every; rest += 250) world.look(60);
    }
    assertEquals(world.collections > 0, isIdle, `${ms} ms each ${every} ms`);
  }
});

Deno.test("what a keyframe keeps of what clients have removed is given back once that is whole", () => {
  const world = new World();
  world.rest(40);
  world.keepsOld = true;
  world.work();
  world.look(150);
  assertEquals(world.look(150, 100_000), 0, "it would free nothing");
  world.keepsOld = false;
  assertEquals(world.look(150), 1);
});

Deno.test("a daemon with much to keep collects when an eighth more is there", () => {
  const world = new World();
  world.rest(800);
  assertEquals(world.rest(890), 0);
  assertEquals(world.rest(901), 1);
});

Deno.test("what was there in a pause, and was removed later, is given back once", () => {
  const world = new World();
  world.rest(40);
  world.stored = 60;
  assertEquals(world.rest(110), 1, "the clients pause");
  world.look(105);
  assertEquals(world.look(105, 100_000), 1, "that is what is stored");
  world.stored = 0;
  assertEquals(world.rest(105), 2, "the process has what was removed");
  for (let i = 0; i < 1_000; i++) assertEquals(world.look(45, 1_000), 2, "nothing is left");
});

Deno.test("it is given back too if the model charges more, or less, than it takes", () => {
  for (const charged of [30, 60, 120]) {
    const world = new World();
    world.rest(40);
    world.stored = charged;
    world.rest(100);
    world.look(100);
    world.stored = 0;
    assertEquals(world.rest(100), 2, `${charged} MiB charged for 60`);
    assertEquals(world.rest(40), 2);
    assertEquals(world.rest(47), 2);
    assertEquals(world.rest(49), 3, "the next one goes by what is left");
  }
});

Deno.test("a part of what is stored is given back by what is left: 8 MiB, or an eighth of it", () => {
  const world = new World();
  world.stored = 800;
  world.rest(840);
  world.stored = 710;
  assertEquals(world.rest(840), 0);
  world.stored = 706;
  assertEquals(world.rest(840), 1);
  const small = new World();
  small.stored = 20;
  small.rest(60);
  small.stored = 13;
  assertEquals(small.rest(60), 0);
  small.stored = 12;
  assertEquals(small.rest(60), 1);
});

Deno.test("clients that go on right after a collection do not hide their garbage", () => {
  const world = new World();
  world.rest(40);
  assertEquals(world.rest(60), 1);
  world.look(50);
  for (let mib = 50; mib < 90; mib += 5) {
    world.work();
    world.look(mib);
  }
  assertEquals(world.rest(90), 2);
});

Deno.test("what clients remove while V8 still frees memory after a collection is given back", () => {
  const world = new World();
  world.rest(40);
  world.stored = 60;
  assertEquals(world.rest(150), 1);
  world.stored = 0;
  world.work();
  world.look(130);
  world.look(105);
  assertEquals(world.look(105, 100_000), 2);
  assertEquals(world.rest(45), 2);
  assertEquals(world.rest(45), 2);
});

Deno.test("an idle daemon does not count again and again what it keeps", () => {
  const world = new World();
  world.rest(40);
  for (let i = 0; i < 1_000; i++) world.look(40);
  assertEquals(world.asked, 1);
});

Deno.test("what is stored: what is charged, and what clients have not taken", () => {
  const engine = newEngine(), client = new Client(engine, 0), { state } = engine;
  const before = storedBytes(state);
  client.ask(T.WRITE, `/big\0${"v".repeat(4_000)}`);
  const more = storedBytes(state) - before;
  assert(more > 4_000 && more < 8_000, `${more} bytes`);
  client.ask(T.RM, "/big\0");
  assertEquals(storedBytes(state), before);
  const outbox = { reply: () => {}, event: () => {}, unsent: 70_000 };
  const other = engine.connect({ kind: "socket", domid: 0, label: "client 9", outbox });
  assert(storedBytes(state) - before >= 70_000);
  engine.disconnect(other);
  assertEquals(storedBytes(state), before);
});

Deno.test("the daemon looks at its memory by the work of its clients, and its parts give up what they keep", async () => {
  await using scratch = await makeScratch();
  const looks: (() => void)[] = [], never = { cancel: () => {}, unref: () => {} };
  let ahead = 0, mib = 40, dropped = 0;
  const clock: Clock = {
    ...systemClock,
    now: () => systemClock.now() + ahead,
    every: (ms, action) => {
      if (ms === MEMORY_LOOK_MS) looks.push(action);
      return never;
    },
  };
  const journal = new NoJournal();
  journal.dropSpare = () => void dropped++;
  const { memoryUsage } = Deno;
  Deno.memoryUsage = () => ({ ...memoryUsage(), rss: mib * MIB });
  const socket = { path: `${scratch.path}/socket`, isFallback: false };
  const daemon = Daemon.start({
    listening: await createListeningSocket(socket, clock),
    domains: new MemoryDomains(),
    journal,
    policy: EMBEDDED_POLICY,
    trace: new Trace(),
    log: () => {},
    clock,
    identity: { version: "test", keeping: { persist: "none", path: null } },
  });
  try {
    assertEquals(looks.length, 1);
    const look = (ms: number): number => {
      ahead += ms;
      looks[0]!();
      return dropped;
    };
    assertEquals([look(0), look(100_000)], [0, 0], "nothing more");
    mib = 80;
    await using client = await RawClient.connect(daemon.socketPath);
    const work = async (requests: number): Promise<void> => {
      for (let i = 0; i < requests; i++) await client.ask(T.WRITE, `/n\0${i}`);
    };
    await work(5_000);
    assertEquals(look(MEMORY_LOOK_MS), 0, "it has worked");
    assertEquals(look(2_000), 1, "it rests");
    assertEquals([look(0), look(100_000)], [1, 1], "all is given back");
    mib = 160;
    await work(1);
    assertEquals(look(MEMORY_LOOK_MS), 2, "one question is no work");
  } finally {
    Deno.memoryUsage = memoryUsage;
    await daemon.stop();
  }
});

/** Resident memory of a process, in bytes. */
function residentOf(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)![1]) * 1024;
}

Deno.test("a daemon at rest gives back the memory of what was removed, in parts too", async () => {
  await using daemon = await startDaemon({ args: ["--persist", "none"] });
  await using client = await RawClient.connect(daemon.socketPath);
  const before = residentOf(daemon.pid);
  const value = "v".repeat(4_000);
  for (const part of ["/first", "/second"]) {
    for (let i = 0; i < 12_000; i++) await client.ask(T.WRITE, `${part}/n${i}\0${value}`);
  }
  const full = residentOf(daemon.pid);
  assert(full > before + 80 * MIB, `${before} bytes, then ${full}`);
  await client.ask(T.RM, "/first\0");
  await until("the first part given back", () => residentOf(daemon.pid) < full - 32 * MIB);
  await client.ask(T.RM, "/second\0");
  // The second part alone takes more; compiled code, and pages that are used in part, stay.
  await until("all given back", () => residentOf(daemon.pid) < before + 40 * MIB);
  assertEquals(await client.ask(T.READ, "/tool\0"), "\0".slice(1));
});

/** What a daemon has outside of the heap, in bytes. */
async function externalOf(client: RawClient): Promise<number> {
  return memoryIn(await client.ask(T.CONTROL, "status\0")).external;
}

/** A transaction of 8 MB, and the removal of its nodes; returns what the daemon had outside of the heap between. */
async function largeTurn(client: RawClient): Promise<number> {
  const txId = Number.parseInt(await client.ask(T.TRANSACTION_START, "\0"));
  const value = "v".repeat(4_000);
  for (let i = 0; i < 2_000; i++) {
    const payload = toBytes(`/large/n${i}\0${value}`);
    await client.exchange({ type: T.WRITE, txId, payload });
  }
  await client.exchange({ type: T.TRANSACTION_END, txId, payload: toBytes("T\0") });
  const full = await externalOf(client);
  await client.ask(T.RM, "/large\0");
  return full;
}

Deno.test("a daemon at rest gives back the buffers that a large turn took", async () => {
  await using scratch = await makeScratch();
  await using daemon = await startDaemon({ args: ["--store", `${scratch.path}/store`] });
  await using client = await RawClient.connect(daemon.socketPath);
  const before = await externalOf(client);
  for (const end = deadline("the buffers given back");; end.check()) {
    const full = await largeTurn(client);
    assert(full > 2 * before, `${before} bytes, then ${full}`);
    // What a daemon has given back in the middle of it, since it rested, it does not give back soon again.
    for (let looks = 0; looks < 60; looks++) {
      // These questions do not keep the daemon from its rest.
      await pause(500);
      if (await externalOf(client) < before * 1.1) return;
    }
  }
});
