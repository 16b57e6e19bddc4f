import { systemClock } from "../../lib/clock.ts";
import { assert, assertEquals } from "@std/assert";
import { Tidier } from "../../lib/server/process/tidier.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { startDaemon } from "../support/daemon.ts";
import { until } from "../support/patience.ts";
import { SocketClient } from "./socket_client.ts";

const MIB = 1_048_576;

Deno.test("memory is given back only when much is free, nobody asks, and not too often", () => {
  let collected = 0, now = 0;
  const tidier = new Tidier(systemClock, () => collected++);
  const look = (cost: number, turns: number, ms = 250): number => {
    tidier.look(now += ms, cost, turns);
    return collected;
  };
  look(40 * MIB, 1);
  assertEquals(look(40 * MIB, 1, 10_000), 0, "nothing is free");
  assertEquals(look(25 * MIB, 1, 10_000), 0, "little is free");
  for (let turns = 2; turns < 50; turns++) assertEquals(look(5 * MIB, turns), 0, "it is busy");
  assertEquals(look(5 * MIB, 49, 1_000), 0, "it was busy a moment ago");
  assertEquals(look(5 * MIB, 49, 1_000), 1);
  assertEquals(look(5 * MIB, 49, 100_000), 1, "nothing is free any more");
  look(40 * MIB, 50);
  look(5 * MIB, 50, 3_000);
  assertEquals(collected, 2);
  look(40 * MIB, 51);
  assertEquals(look(5 * MIB, 51, 10_000), 2, "a moment ago it was done");
  assertEquals(look(5 * MIB, 51, 60_000), 3);
});

/** Resident memory of a process, in bytes. */
function residentOf(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)![1]) * 1024;
}

Deno.test("a daemon at rest gives back the memory of what was removed", async () => {
  await using daemon = await startDaemon({ args: ["--persist", "none"] });
  await using client = await SocketClient.connect(daemon.socketPath);
  const before = residentOf(daemon.pid);
  const value = "v".repeat(4_000);
  for (let i = 0; i < 12_000; i++) await client.ask(T.WRITE, `/big/n${i}\0${value}`);
  const full = residentOf(daemon.pid);
  assert(full > before + 40 * MIB, `${before} bytes, then ${full}`);
  await client.ask(T.RM, "/big\0");
  await until("memory given back", () => residentOf(daemon.pid) < before + 16 * MIB);
  assertEquals(await client.ask(T.READ, "/tool\0"), "\0".slice(1));
});
