/** A daemon of a Xen host waits for Xen's devices, for a bounded time. */
import { assertEquals } from "@std/assert";
import { DEVICES_LOOK_MS, DEVICES_WAIT_MS } from "../../lib/limits.ts";
import { waitForDevices } from "../../lib/server/xen/wait_for_devices.ts";
import { SimulatedClock } from "../support/simulated_clock.ts";

interface Waiting {
  readonly clock: SimulatedClock;
  readonly there: Set<string>;
  /** What was told, in the log and as the unit's status. */
  readonly log: string[];
  readonly status: string[];
  ended: boolean;
}

function wait(hypervisor: string, ...there: string[]): Waiting {
  const clock = new SimulatedClock();
  const waiting: Waiting = { clock, there: new Set(there), log: [], status: [], ended: false };
  const log = (level: string, text: string): void => void waiting.log.push(`${level} ${text}`);
  void waitForDevices(clock, log, {
    exists: (path) => waiting.there.has(path),
    text: () => hypervisor,
    status: (text) => void waiting.status.push(text),
  }).then(() => waiting.ended = true);
  return waiting;
}

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

/** Lets time pass in steps, since each look begins the next wait. */
async function pass(waiting: Waiting, ms: number): Promise<void> {
  for (let gone = 0; gone < ms; gone += DEVICES_LOOK_MS) {
    waiting.clock.advance(DEVICES_LOOK_MS);
    await settle();
  }
}

const EVTCHN = "/dev/xen/evtchn", GNTDEV = "/dev/xen/gntdev", PRIVCMD = "/dev/xen/privcmd";
const PAGE = "/proc/xen/xsd_kva";

Deno.test("a start waits for the devices that are missing, one after the other, and says which", async () => {
  const waiting = wait("xen\n", EVTCHN, PAGE);
  await settle();
  await pass(waiting, 4_000);
  waiting.there.add(GNTDEV);
  await pass(waiting, 1_000);
  assertEquals(waiting.ended, false);
  waiting.there.add(PRIVCMD);
  await pass(waiting, DEVICES_LOOK_MS);
  assertEquals(waiting.ended, true);
  const told = [`waiting for ${GNTDEV}`, `waiting for ${PRIVCMD}`];
  assertEquals(waiting.status, told);
  assertEquals(waiting.log, told.map((text) => `info ${text}`));
});

Deno.test("a start gives up waiting after a while: opening the device says what is missing", async () => {
  const waiting = wait("xen\n");
  await settle();
  await pass(waiting, DEVICES_WAIT_MS - DEVICES_LOOK_MS);
  assertEquals(waiting.ended, false);
  await pass(waiting, DEVICES_LOOK_MS);
  assertEquals([waiting.ended, waiting.clock.waiting], [true, 0]);
});

Deno.test("nothing is waited for where all is there, or where there is no Xen", async () => {
  for (const waiting of [wait("xen\n", EVTCHN, GNTDEV, PRIVCMD, PAGE), wait("kvm\n"), wait("")]) {
    await settle();
    assertEquals([waiting.ended, waiting.log, waiting.clock.waiting], [true, [], 0]);
  }
});
