import { systemClock } from "../../lib/clock.ts";
import { assert, assertEquals } from "@std/assert";
import { MemoryReturn } from "../../lib/server/process/give_back_memory.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { startDaemon } from "../support/daemon.ts";
import { until } from "../support/patience.ts";
import { RawClient } from "../support/raw_client.ts";

const MIB = 1_048_576;

Deno.test("memory is given back only when there is more, nobody asks, and not too often", () => {
  let collected = 0, now = 0;
  const memoryReturn = new MemoryReturn(systemClock, () => collected++);
  const look = (mib: number, turns: number, ms = 250): number => {
    memoryReturn.look(now += ms, mib * MIB, turns);
    return collected;
  };
  look(40, 1);
  assertEquals(look(40, 1, 100_000), 0, "nothing more");
  assertEquals(look(47, 1, 100_000), 0, "little more");
  for (let turns = 2; turns < 50; turns++) assertEquals(look(60, turns), 0, "it is busy");
  assertEquals(look(60, 49, 1_000), 0, "it was busy a moment ago");
  assertEquals(look(60, 49, 1_000), 1);
  // It takes a moment until all is free, and some of it is in use.
  assertEquals(look(55, 49, 500), 1);
  assertEquals(look(50, 49, 1_000), 1);
  assertEquals(look(50, 49, 100_000), 1, "nothing is free any more");
  assertEquals(look(57, 50, 3_000), 1, "little is more than what was in use");
  look(59, 51);
  assertEquals(look(59, 51, 3_000), 2);
  look(50, 51, 1_500);
  look(60, 52);
  assertEquals(look(60, 52, 10_000), 2, "a moment ago it was done");
  assertEquals(look(60, 52, 20_000), 3);
});

Deno.test("a daemon with much to keep collects when an eighth more is there", () => {
  let collected = 0, now = 0;
  const memoryReturn = new MemoryReturn(systemClock, () => collected++);
  const look = (mib: number): number => {
    memoryReturn.look(now += 100_000, mib * MIB, 0);
    return collected;
  };
  look(800);
  look(890);
  assertEquals(collected, 0);
  assertEquals(look(901), 1);
});

/** Resident memory of a process, in bytes. */
function residentOf(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)![1]) * 1024;
}

Deno.test("a daemon at rest gives back the memory of what was removed", async () => {
  await using daemon = await startDaemon({ args: ["--persist", "none"] });
  await using client = await RawClient.connect(daemon.socketPath);
  const before = residentOf(daemon.pid);
  const value = "v".repeat(4_000);
  for (let i = 0; i < 12_000; i++) await client.ask(T.WRITE, `/big/n${i}\0${value}`);
  const full = residentOf(daemon.pid);
  assert(full > before + 40 * MIB, `${before} bytes, then ${full}`);
  await client.ask(T.RM, "/big\0");
  await until("memory given back", () => residentOf(daemon.pid) < before + 16 * MIB);
  assertEquals(await client.ask(T.READ, "/tool\0"), "\0".slice(1));
});
