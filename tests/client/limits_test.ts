/** What limits a call: an AbortSignal and a time-out, on every method and iterator. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { XenstoreError } from "../../lib/client/error.ts";
import { tree } from "../../lib/client/tree.ts";
import { wait } from "../../lib/client/wait.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { joinStrings } from "../../lib/wire/payload.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import { SimulatedClock } from "../support/simulated_clock.ts";
import { FakeStream, type Request } from "./fake_stream.ts";

const { READ, RM, TRANSACTION_END, TRANSACTION_START, UNWATCH, WATCH, WATCH_EVENT } = MessageType;

interface Rig {
  readonly client: Client;
  readonly stream: FakeStream;
  readonly clock: SimulatedClock;
}

/** A client of a daemon that answers as `answer` says, on a clock that stands still. */
function rig(answer?: (stream: FakeStream, request: Request) => void): Rig {
  const clock = new SimulatedClock();
  const stream = new FakeStream(answer);
  return { client: Client.over(stream, "/fake", clock), stream, clock };
}

/** Lets everything happen that waits for nothing outside. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => void setImmediate(resolve));
}

type Options = { signal?: AbortSignal; timeout?: number };

/** Every call of the client that takes limits. */
const CALLS: Readonly<Record<string, (client: Client, options: Options) => Promise<unknown>>> = {
  read: (client, options) => client.read("/a", options),
  readText: (client, options) => client.readText("/a", options),
  write: (client, options) => client.write("/a", "1", options),
  directory: (client, options) => client.directory("/a", options),
  getPerms: (client, options) => client.getPerms("/a", options),
  setPerms: (client, options) => client.setPerms("/a", [{ domid: 0, access: "n" }], options),
  mkdir: (client, options) => client.mkdir("/a", options),
  rm: (client, options) => client.rm("/a", options),
  exists: (client, options) => client.exists("/a", options),
  watch: (client, options) => client.watch("/a", options),
  "watch with a depth": (client, options) => client.watch("/a", { ...options, depth: 1 }),
  transaction: (client, options) => client.transaction(() => Promise.resolve(), options),
  control: (client, options) => client.control("help", options),
  getDomainPath: (client, options) => client.getDomainPath(1, options),
  introduce: (client, options) => client.introduce(1, 0, 1, options),
  release: (client, options) => client.release(1, options),
  resume: (client, options) => client.resume(1, options),
  setTarget: (client, options) => client.setTarget(1, 2, options),
  isDomainIntroduced: (client, options) => client.isDomainIntroduced(1, options),
  getFeature: (client, options) => client.getFeature(1, options),
  setFeature: (client, options) => client.setFeature(1, 0, options),
  quotaNames: (client, options) => client.quotaNames(options),
  getQuota: (client, options) => client.getQuota("nodes", 1, options),
  setQuota: (client, options) => client.setQuota("nodes", 1, 1, options),
  resetWatches: (client, options) => client.resetWatches(options),
  wait: (client, options) => wait(client, "/a = 1", options),
  tree: (client, options) => Array.fromAsync(tree(client, "/a", options)),
};

Deno.test("every method of the client is in the table", () => {
  const others = ["constructor", "close"];
  const methods = [Client.prototype, Object.getPrototypeOf(Client.prototype)]
    .flatMap((prototype) => Object.getOwnPropertyNames(prototype));
  assertEquals(methods.filter((name) => !others.includes(name) && !(name in CALLS)), []);
});

for (const [name, call] of Object.entries(CALLS)) {
  Deno.test(`${name} is given up by its signal, before and after it is sent`, async () => {
    const { client, clock, stream } = rig();
    const reason = new Error("no longer needed");
    const early = await assertRejects(() => call(client, { signal: AbortSignal.abort(reason) }));
    assertEquals([early, stream.requests.length], [reason, 0]);
    const control = new AbortController();
    const late = assertRejects(() => call(client, { signal: control.signal }));
    await settle();
    assert(stream.requests.length > 0, "nothing was sent");
    control.abort(reason);
    assertEquals(await late, reason);
    assertEquals(clock.waiting, 0, "timers are left");
    client.close();
  });

  Deno.test(`${name} rejects with ETIMEDOUT when its time is over, and the connection goes on`, async () => {
    const { client, clock, stream } = rig();
    const failed = assertRejects(() => call(client, { timeout: 50 }), XenstoreError);
    await settle();
    assert(stream.requests.length > 0, "nothing was sent");
    clock.advance(49);
    await settle();
    clock.advance(1 + (name === "wait" ? 2_000 : 0));
    const error = await failed;
    assertEquals(error.code, "ETIMEDOUT", error.message);
    assertEquals(stream.closed, false);
    assertEquals(clock.waiting, 0, "timers are left");
    client.close();
  });
}

Deno.test("the late reply to a call that was given up disturbs no other", async () => {
  const { client, clock, stream } = rig();
  const first = assertRejects(() => client.read("/a", { timeout: 5 }), XenstoreError);
  const second = client.readText("/b");
  await settle();
  clock.advance(5);
  assertEquals((await first).uncertain, false);
  const [a, b] = stream.requests;
  stream.reply(READ, a!.reqId, toBytes("late"));
  stream.reply(READ, b!.reqId, toBytes("second"));
  assertEquals(await second, "second");
  client.close();
});

Deno.test("a change that is given up is told to be uncertain", async () => {
  const { client, clock } = rig();
  const failed = assertRejects(() => client.rm("/a", { timeout: 5 }), XenstoreError);
  await settle();
  clock.advance(5);
  const { message, uncertain } = await failed;
  assertEquals(uncertain, true);
  assertEquals(
    message,
    "rm /a: the daemon did not answer within 5ms; the change may still take effect (ETIMEDOUT)",
  );
  client.close();
});

Deno.test("what the daemon sets up for a call that was given up is taken back", async () => {
  const { client, clock, stream } = rig();
  const watching = assertRejects(() => client.watch("/a", { timeout: 5 }), XenstoreError);
  const changing = assertRejects(
    () => client.transaction(() => Promise.resolve(), { timeout: 5 }),
    XenstoreError,
  );
  await settle();
  clock.advance(5);
  await Promise.all([watching, changing]);
  const [watch, start] = stream.requests;
  assertEquals([watch!.type, start!.type], [WATCH, TRANSACTION_START]);
  stream.reply(WATCH, watch!.reqId, toBytes("OK\0"));
  stream.reply(TRANSACTION_START, start!.reqId, toBytes("7\0"));
  await settle();
  const [unwatch, end] = stream.requests.slice(2);
  assertEquals([unwatch!.type, toText(unwatch!.payload)], [UNWATCH, toText(watch!.payload)]);
  assertEquals([end!.type, end!.txId, toText(end!.payload)], [TRANSACTION_END, 7, "F\0"]);
  client.close();
});

/** A daemon that sets watches and transactions, and answers nothing else. */
function settings(stream: FakeStream, { reqId, type }: Request): void {
  if (type === WATCH || type === UNWATCH) stream.reply(type, reqId, toBytes("OK\0"));
  if (type === TRANSACTION_START) stream.reply(type, reqId, toBytes("7\0"));
}

Deno.test("a transaction's limits hold for what its body asks", async () => {
  const { client, clock, stream } = rig(settings);
  const control = new AbortController();
  const reason = new Error("enough");
  const first = assertRejects(() =>
    client.transaction((tx) => tx.read("/a"), { signal: control.signal })
  );
  await settle();
  control.abort(reason);
  await settle();
  const end = stream.requests.at(-1)!;
  assertEquals([end.type, toText(end.payload)], [TRANSACTION_END, "F\0"], "it is ended");
  stream.reply(READ, stream.requests.at(-2)!.reqId, toBytes("late"));
  stream.reply(TRANSACTION_END, end.reqId, toBytes("OK\0"));
  assertEquals(await first, reason);
  // The shorter one of two limits counts.
  const second = assertRejects(
    () => client.transaction((tx) => tx.rm("/a", { timeout: 5 }), { timeout: 50 }),
    XenstoreError,
  );
  await settle();
  clock.advance(5);
  await settle();
  assertEquals(stream.requests.at(-2)!.type, RM);
  stream.reply(RM, stream.requests.at(-2)!.reqId, toBytes("OK\0"));
  stream.reply(TRANSACTION_END, stream.requests.at(-1)!.reqId, toBytes("OK\0"));
  assertEquals((await second).code, "ETIMEDOUT");
  client.close();
});

Deno.test("an iteration is given up by a signal, or waits for so long", async () => {
  const { client, clock, stream } = rig(settings);
  const control = new AbortController();
  const { signal } = control;
  const watch = await client.watch("/a", { signal, eventTimeout: 100 });
  const token = toText(stream.requests[0]!.payload).split("\0")[1]!;
  const late = assertRejects(() => watch.next(), XenstoreError);
  await settle();
  clock.advance(100);
  assertEquals((await late).message, "watch /a: no event came within 100ms (ETIMEDOUT)");
  const sooner = assertRejects(() => watch.next({ timeout: 5 }), XenstoreError);
  await settle();
  clock.advance(5);
  assertEquals((await sooner).code, "ETIMEDOUT");
  const other = new AbortController();
  const one = assertRejects(() => watch.next({ signal: other.signal }));
  await settle();
  other.abort("only this");
  await one.catch((error) => assertEquals(error, "only this"));
  // The iteration goes on after all of these.
  stream.reply(WATCH_EVENT, 0, joinStrings("/a/b", token));
  assertEquals((await watch.next()).value, { path: "/a/b", token });
  const reason = new Error("all of it");
  const last = assertRejects(() => watch.next());
  await settle();
  control.abort(reason);
  assertEquals(await last, reason);
  await settle();
  assertEquals(stream.requests.at(-1)!.type, UNWATCH, "the watch is removed");
  assertEquals(await assertRejects(() => watch.next()), reason);
  assertEquals(clock.waiting, 0);
  client.close();
});
