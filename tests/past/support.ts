/** Commands that look back, as they are called. */
import { assertEquals } from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { HistoryUpkeep } from "../../lib/history/upkeep.ts";
import { type RecordedDaemon, startRecorded } from "../support/recorded_daemon.ts";
import { xs } from "../support/run_xs.ts";

export { xs };

/** Runs an `xs` that has nothing to complain about: its lines, with times and processes replaced. */
export async function lines(socket: string, ...args: string[]): Promise<string[]> {
  const { err, out, status } = await xs(socket, args);
  assertEquals([status, err], [0, ""], args.join(" "));
  return normal(out);
}

/** Lines in which no time and no process stands. */
export function normal(out: string): string[] {
  return out.replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}/g, "TIME")
    .replace(/pid \d+ \([^\n]*?\)(?=[:;]| in)/g, "PROCESS").replace(/\([\w.]+ ago\)/g, "(AGE)")
    .split("\n").slice(0, -1);
}

/** The error line of what fails. */
export async function failure(socket: string, ...args: string[]): Promise<[number, string]> {
  const { err, out, status } = await xs(socket, args);
  assertEquals(out, "", args.join(" "));
  return [status, err];
}

/** A daemon whose oldest commits were pruned. */
export async function startPruned(): Promise<RecordedDaemon> {
  const server = await startRecorded(), { history } = server;
  await using client = await Client.connect({ socket: server.socketPath });
  for (let i = 0; i < 1_600; i++) {
    // What compresses badly.
    const value = Uint8Array.from(
      { length: 300 },
      (_, at) => Math.imul(i + 1, at * at + 7_919) >> 5,
    );
    await client.write(`/p/${i}`, value);
  }
  const { closed } = history, now = Date.now() * 1_000;
  const age = now - closed[closed.length >> 1]!.toAt - 1;
  const upkeep = new HistoryUpkeep(history, { bytes: Infinity, age });
  while (upkeep.step(now));
  return server;
}

/** A daemon in which a few things have been done: commits #2 to #8, and an aborted transaction #9. */
export async function makeWorld(): Promise<{ server: RecordedDaemon } & AsyncDisposable> {
  const server = await startRecorded();
  await using client = await Client.connect({ socket: server.socketPath });
  await client.write("/a/b", "1");
  await client.write("/a/b", "2\x1b[31m");
  await client.write("/local/domain/3/data/set_clipboard", "secret");
  await client.rm("/a");
  await client.transaction(async (inside) => {
    await inside.write("/x", "1");
    await inside.write("/y", "1");
  });
  await client.setPerms("/x", [{ domid: 0, access: "r" }]);
  await using other = await Client.connect({ socket: server.socketPath });
  await client.transaction(async (inside) => {
    await inside.read("/x");
    await other.write("/x", "77");
    await inside.write("/y", "2");
  }, { retries: 0 }).catch(() => {});
  return { server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}
