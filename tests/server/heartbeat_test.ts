/** Signs of life for the service manager: from the loop, whatever it does; and what else it hears. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { receiveWithDescriptors } from "../../ffi/fd_passing.ts";
import { bindDatagram } from "../../ffi/datagram.ts";
import { closeFd } from "../../ffi/unix_socket.ts";
import { systemClock } from "../../lib/clock.ts";
import { NOTIFY_STATUS_MS } from "../../lib/limits.ts";
import { type EventSink, Loop, type LoopPolicy } from "../../lib/server/loop.ts";
import { heartbeatOf } from "../../lib/server/process/heartbeat.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { update } from "../support/operator.ts";
import { RawClient } from "../support/raw_client.ts";
import { until } from "../support/patience.ts";
import { makeScratch } from "../support/scratch.ts";
import { TestTurns } from "../support/test_turns.ts";

const SINK: EventSink = { event: () => {}, eventsDone: () => {} };
const POLICY: LoopPolicy = { spinPolls: 0, blockingWaitMs: 0, lingerMs: 0, burstMs: 1 };

/** Runs a loop until it has come round with three signs of life. */
async function threeBeats(test: TestTurns): Promise<void> {
  const loop = new Loop(test.turns, POLICY, systemClock);
  let beats = 0;
  const heartbeat = {
    dueAt: 0,
    beat: (now: number): void => {
      if (now < heartbeat.dueAt) return;
      heartbeat.dueAt = now + 1;
      if (++beats === 3) loop.stop();
    },
  };
  loop.heartbeat = heartbeat;
  await loop.run(SINK);
  assertEquals(beats, 3);
}

Deno.test("heartbeat: an idle loop wakes up to give it", async () => {
  await threeBeats(new TestTurns());
});

Deno.test("heartbeat: a loop whose turns cannot be committed gives it", async () => {
  const test = new TestTurns();
  test.journal.works = false;
  test.connect();
  test.turns.turn(0);
  assert(test.turns.held);
  await threeBeats(test);
});

Deno.test("heartbeat: a busy loop gives it", async () => {
  const test = new TestTurns();
  const job = { step: (): boolean => true };
  test.turns.begin(job);
  await threeBeats(test);
});

Deno.test("heartbeat: twice within the time that the service manager gives, if it means this process", () => {
  const intervalOf = (env: Record<string, string>): number | undefined => {
    const heartbeat = heartbeatOf(new Map(Object.entries(env)), 42, () => "");
    if (heartbeat === null) return undefined;
    heartbeat.beat(1_000);
    return heartbeat.dueAt - 1_000;
  };
  const NOTIFY_SOCKET = "@nobody-listens-here";
  assertEquals(intervalOf({}), undefined);
  assertEquals(intervalOf({ WATCHDOG_USEC: "60000000" }), undefined);
  assertEquals(intervalOf({ NOTIFY_SOCKET }), NOTIFY_STATUS_MS);
  assertEquals(intervalOf({ NOTIFY_SOCKET, WATCHDOG_USEC: "8000000" }), 4_000);
  assertEquals(
    intervalOf({ NOTIFY_SOCKET, WATCHDOG_USEC: "8000000", WATCHDOG_PID: "42" }),
    4_000,
  );
  assertEquals(
    intervalOf({ NOTIFY_SOCKET, WATCHDOG_USEC: "8000000", WATCHDOG_PID: "41" }),
    NOTIFY_STATUS_MS,
  );
});

/** A service manager's socket, and the lines that it has heard. */
class ManagerSocket implements Disposable {
  readonly heard: string[] = [];
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = bindDatagram(path);
  }

  hear(): string[] {
    for (let next = receiveWithDescriptors(this.#fd); next !== null;) {
      this.heard.push(...next.text.trimEnd().split("\n"));
      next = receiveWithDescriptors(this.#fd);
    }
    return this.heard;
  }

  [Symbol.dispose](): void {
    closeFd(this.#fd);
  }
}

Deno.test("heartbeat: over a live update the service manager watches for none, then again", async () => {
  for (const args of [[], ["--supervise"]]) {
    await using scratch = await makeScratch();
    using manager = new ManagerSocket(`${scratch.path}/notify`);
    const env = { NOTIFY_SOCKET: `${scratch.path}/notify`, WATCHDOG_USEC: "60000000" };
    await using daemon = await startDaemon({ args, env });
    const watching = (): string[] =>
      manager.hear().filter((line) => line.startsWith("WATCHDOG_USEC="));
    assertEquals(watching(), []);
    await using client = await RawClient.connect(daemon.socketPath);
    // The trial is refused: all goes on as it was.
    assertEquals(await update(client, { file: "/none" }), "File not accessible.");
    const [file, ...words] = xsCommand();
    const commandLine = [...words, "serve", "--socket", daemon.socketPath].join(" ");
    assertEquals(await update(client, { file, commandLine }), "OK", daemon.output());
    await until("it is watched again", () => watching().length === 2);
    assertEquals(watching(), ["WATCHDOG_USEC=0", "WATCHDOG_USEC=60000000"]);
  }
});

Deno.test("heartbeat: what a service manager hears of a daemon, alone and under a supervisor", async () => {
  for (const args of [[], ["--supervise"]]) {
    await using scratch = await makeScratch();
    const path = `${scratch.path}/notify`;
    const socket = bindDatagram(path);
    const heard: string[] = [];
    const hear = (): string[] => {
      for (let next = receiveWithDescriptors(socket); next !== null;) {
        heard.push(...next.text.trimEnd().split("\n"));
        next = receiveWithDescriptors(socket);
      }
      return heard;
    };
    try {
      const daemon = await startDaemon({
        args,
        env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: "50000" },
      });
      await until("signs of life", () => hear().filter((line) => line === "WATCHDOG=1").length > 2);
      const status = heard.find((line) => line.startsWith("STATUS="));
      assertMatch(status!, /^STATUS=serving \S+\/socket: 1 domain, \d+ clients?$/);
      assertEquals(heard.filter((line) => line === "READY=1").length, 1);
      Deno.kill(daemon.pid, "SIGHUP");
      await until("reloading", () => hear().filter((line) => line === "READY=1").length === 2);
      assert(heard.includes("RELOADING=1"));
      assert(heard.some((line) => /^MONOTONIC_USEC=\d+$/.test(line)));
      assert(!heard.includes("STOPPING=1"));
      await daemon.stop();
      assert(hear().includes("STOPPING=1"));
    } finally {
      closeFd(socket);
    }
  }
});
