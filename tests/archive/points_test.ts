/** Points in the history of a store, as commands take them. */
import { assertEquals, assertMatch } from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { startDaemon } from "../support/daemon.ts";
import { type Outcome, xs as runXs } from "../support/run_xs.ts";
import { makeScratch } from "../support/scratch.ts";

const xs = (socket: string, ...args: string[]): Promise<Outcome> => runXs(socket, args);

/** What differs from the present, without the daemon's own nodes. */
async function since(socket: string, point: string): Promise<string[]> {
  const { err, out, status } = await xs(socket, "diff", point, "live");
  assertEquals(err, "", point);
  assertEquals(status, out === "" ? 0 : 1);
  return out.trim().split("\n").filter((line) => line.includes("/points"));
}

/** A local time as people write it, in ms. */
function wallTime(ms: number): string {
  const date = new Date(ms);
  const two = (part: number): string => `${part}`.padStart(2, "0");
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${time}.${`${date.getMilliseconds()}`.padStart(3, "0")}`;
}

function wallDay(ms: number): string {
  const date = new Date(ms);
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()]
    .map((part) => `${part}`.padStart(2, "0")).join("-");
}

/** Waits until the clock says something later than at the last commit. */
async function nextMillisecond(): Promise<number> {
  const then = Date.now();
  while (Date.now() <= then + 1) await new Promise((resolve) => setTimeout(resolve, 1));
  return Date.now() - 1;
}

Deno.test("live@POINT finds the store wherever the daemon keeps it, at any form of a point", async () => {
  await using scratch = await makeScratch();
  await using daemon = await startDaemon({ args: ["--store", `${scratch.path}/elsewhere`] });
  const socket = daemon.socketPath;
  await using client = await Client.connect({ socket });
  await client.write("/points", "one");
  const between = await nextMillisecond();
  await nextMillisecond();
  await client.write("/points", "two");
  const changed = ['- /points = "one"   (n0)', '+ /points = "two"   (n0)'];
  const iso = new Date(between).toISOString();
  const points = ["turn:1", iso, iso.replace("T", " ")];
  // Just after midnight the time alone would be one of the day that has begun since.
  if (wallDay(between) === wallDay(Date.now())) {
    const time = wallTime(between);
    points.push(time, `today ${time}`, `${wallDay(between)} ${time}`);
  }
  for (const point of points) {
    assertEquals(await since(socket, `live@${point}`), changed, point);
    assertEquals(await since(socket, `@${point}`), changed, point);
  }
  assertEquals(await since(socket, "live@-0"), []);
  for (const point of ["start", "boot"]) {
    assertEquals(await since(socket, `@${point}`), [changed[1]], point);
  }
  const { err, status } = await xs(socket, "diff", "live@5m", "live");
  assertEquals(status, 2);
  assertMatch(
    err,
    /^xs: diff live@5m: this point is too early: the history begins at \S+ \(#0\)\n$/,
  );
});

Deno.test("the history of a daemon that is gone is found at the usual place", async () => {
  await using daemon = await startDaemon();
  const socket = daemon.socketPath;
  {
    await using client = await Client.connect({ socket });
    await client.write("/points", "one");
    await client.write("/points", "two");
  }
  Deno.kill(daemon.pid, "SIGKILL");
  await daemon.status;
  const { out } = await xs(socket, "dump", "live@turn:1", "--format", "text");
  assertMatch(out, /^\/points = "one" {3}\(n0\)$/m);
  const { err, status } = await xs(socket, "dump", "live@start");
  assertEquals([status, err], [
    0,
    "xs: live@start: as after #1 of the history, which has nodes and permissions only\n",
  ]);
});

Deno.test("live@start is where this daemon began, not the one before", async () => {
  await using scratch = await makeScratch();
  const args = ["--store", `${scratch.path}/store`];
  {
    await using first = await startDaemon({ args });
    await using client = await Client.connect({ socket: first.socketPath });
    await client.write("/points", "one");
    Deno.kill(first.pid, "SIGKILL");
    await first.status;
  }
  await nextMillisecond();
  await using second = await startDaemon({ args });
  await using client = await Client.connect({ socket: second.socketPath });
  await client.write("/points", "two");
  assertEquals(await since(second.socketPath, "@start"), [
    '- /points = "one"   (n0)',
    '+ /points = "two"   (n0)',
  ]);
});
