/** What happens to domains while one daemon gives way to the next. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { ERROR, REQ_PROD } from "../../lib/transport/ring_page.ts";
import { RawClient } from "../support/raw_client.ts";
import { Bench, dotted } from "../support/simulation/bench.ts";
import {
  EXISTS,
  SHUTDOWN,
  SimulatedHost,
  simulationMissing,
} from "../support/simulation/simulated_host.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { until } from "../support/patience.ts";
import { makeScratch } from "../support/scratch.ts";
import { testUnless } from "../support/skip.ts";
import {
  C_XENSTORED,
  cMissing,
  nextXs,
  startC,
  startThatWaits,
  startXs,
  update,
} from "../support/operator.ts";

const missing = simulationMissing();
const [XS] = xsCommand();

const next = (bench: Bench, ...start: string[]): Promise<string> =>
  update(bench.socket, { file: XS }, ...start);

for (const list of ["libxenctrl", "libxenmanage"] as const) {
  testUnless(
    missing,
    `live update, ${list}: deaths and shutdowns meanwhile are noticed`,
    async () => {
      await using bench = await Bench.make(list);
      for (const domid of [1, 2, 3]) await bench.introduce(domid);
      await bench.ask("WATCH", "@releaseDomain.r.");
      await bench.events();
      // Nobody raises the interrupt: its event got lost in between.
      bench.host.setState(1, 0);
      bench.host.setState(2, EXISTS | SHUTDOWN);
      bench.host.setState(3, 0);
      bench.host.create(3);
      assertEquals(await next(bench), "OK");
      const events: string[] = [];
      while (events.length < 3) events.push(...await bench.events());
      assertEquals(await bench.ask("DIRECTORY", "/local/domain."), ["2."]);
      for (const [domid, known] of [[1, "F."], [2, "T."], [3, "F."]] as const) {
        assertEquals(await bench.ask("IS_DOMAIN_INTRODUCED", `${domid}.`), [known]);
      }
      assertEquals(bench.host.counters.mapped, 1);
      // The interrupt is bound again.
      await bench.setState(2, 0);
      const answer = await bench.ask("DIRECTORY", "/local/domain.");
      assertEquals(answer, ["@releaseDomain.r.", ""]);
    },
  );
}

testUnless(missing, "live update: a ring that can't be mapped waits to be introduced", async () => {
  await using bench = await Bench.make("libxenctrl");
  for (const domid of [1, 2]) await bench.introduce(domid);
  bench.host.failMapping(1, 12);
  assertEquals(await next(bench), "OK");
  assertEquals(await bench.ask("IS_DOMAIN_INTRODUCED", "1."), ["T."]);
  assertEquals(bench.host.boundPort(1), 0);
  assertStringIncludes(bench.daemon.output(), "domain 1: its ring cannot be taken over");
  bench.host.failMapping(1, 0);
  assertEquals(await bench.ask("INTRODUCE", "1.1.5."), ["OK."]);
  for (const domid of [1, 2]) {
    const guest = bench.client(domid);
    assertEquals((await guest.request(T.WRITE, toBytes("data\0x"), 0)).map(dotted), ["OK."]);
  }
});

testUnless(missing, "live update: a guest that was not listened to still is not", async () => {
  await using bench = await Bench.make("libxenctrl");
  await bench.introduce(1);
  bench.host.page(1).store(REQ_PROD, 5000);
  bench.host.kick(1);
  await until("the error word", () => bench.host.page(1).load(ERROR) === 2);
  assertEquals(await next(bench), "OK");
  bench.host.page(1).store(REQ_PROD, 0);
  bench.host.kick(1);
  await bench.events();
  assertEquals(bench.host.page(1).load(ERROR), 2);
  assertEquals(await bench.ask("INTRODUCE", "1.1.5."), ["OK."]);
  const reads = await bench.client(1).request(T.READ, toBytes("x\0"), 0);
  assertEquals(reads.map(dotted), ["ENOENT."]);
});

testUnless(
  missing,
  "live update: a file that is gone at the last moment changes nothing",
  async () => {
    await using scratch = await makeScratch();
    await using bench = await Bench.make("libxenctrl");
    const guest = await bench.introduce(1);
    await bench.ask("WATCH", "@releaseDomain.r.");
    const other = await RawClient.connect(bench.host.socketPath);
    const ask = async (type: number, text: string, txId = 0): Promise<string> =>
      (await other.exchange({ type, txId, payload: toBytes(text) })).at(-1)!.text;
    assertEquals(await ask(T.TRANSACTION_START, "\0"), "1\0");
    const file = `${scratch.path}/xs`;
    await Deno.symlink(XS, file);
    const updated = update(bench.socket, { file }, "-t", "30");
    // When starts of transactions wait, the trial is over.
    const third = await RawClient.connect(bench.host.socketPath);
    const started = await startThatWaits(third, other);
    await Deno.remove(file);
    assertEquals(await ask(T.TRANSACTION_END, "T\0", 1), "OK\0");
    assertEquals(await updated, "Error activating new binary: No such file or directory");
    const id = parseInt((await started.reply).text);
    await third.exchange({ type: T.TRANSACTION_END, txId: id, payload: toBytes("F\0") });
    assertEquals((await guest.request(T.WRITE, toBytes("data\0x"), 0)).map(dotted), ["OK."]);
    await bench.setState(1, 0);
    const events: string[] = [];
    while (!events.includes("@releaseDomain.r.")) events.push(...await bench.events());
    assertEquals(await next(bench), "OK");
    for (const client of [other, third]) client.close();
  },
);

testUnless(cMissing, "live update: what C xenstored would die of is kept from it", async () => {
  await using host = await SimulatedHost.make();
  const daemon = await startXs(host);
  try {
    const client = await RawClient.connect(host.socketPath);
    const ask = async (type: number, text: string): Promise<string> => {
      const payload = toBytes(text.replaceAll(".", "\0"));
      return (await client.exchange({ type, txId: 0, payload })).at(-1)!.text;
    };
    host.create(9);
    await ask(T.WRITE, "/named.x");
    // The domain is known now, and was never introduced.
    assertEquals(await ask(T.SET_PERMS, "/named.n0.r9."), "OK\0");
    await ask(T.MKDIR, "/home.");
    assertEquals(await ask(T.SET_PERMS, "/home.n9."), "OK\0");
    const refusal = await update(client, { file: C_XENSTORED }, "-t", "5");
    assertStringIncludes(refusal, "domain 9, which was never introduced, owns /home");
    assertEquals(await ask(T.SET_PERMS, "/home.n0.r9."), "OK\0");
    assertEquals(await update(client, { file: C_XENSTORED }, "-t", "5"), "OK", daemon.output());
    assertEquals(await ask(T.GET_PERMS, "/named."), "n0\0r9\0");
    client.close();
  } finally {
    await daemon.stop();
  }
});

testUnless(
  cMissing,
  "live update: what C xenstored did is missed aloud by an xs behind it",
  async () => {
    await using host = await SimulatedHost.make();
    const daemon = await startXs(host);
    const write = async (client: RawClient, value: string): Promise<string> => {
      const payload = toBytes(`/tool/a\0${value}`);
      return (await client.exchange({ type: T.WRITE, txId: 0, payload })).at(-1)!.text;
    };
    const client = await RawClient.connect(host.socketPath);
    try {
      assertEquals(await write(client, "before"), "OK\0");
      assertEquals(await update(client, { file: C_XENSTORED }, "-t", "5"), "OK", daemon.output());
      assertEquals(await write(client, "later"), "OK\0");
    } finally {
      client.close();
      Deno.kill(daemon.pid, "SIGKILL");
      await daemon.status;
    }
    host.daemonDied();
    const told: boolean[] = [];
    for (let life = 0; life < 2; life++) {
      await using next = await startDaemon({ socket: host.socketPath, env: host.env() });
      await until("the end of the recovery", () => next.output().includes("recovered "));
      told.push(
        /error: the store is as it was when .*xenstored took over at 2/.test(next.output()),
      );
    }
    assertEquals(told, [true, false]);
  },
);

testUnless(
  cMissing,
  "live update: a host that comes from C xenstored survives a crash",
  async () => {
    await using host = await SimulatedHost.make();
    const ask = async (client: RawClient, type: number, text: string): Promise<string> => {
      const payload = toBytes(text.replaceAll(".", "\0"));
      return (await client.exchange({ type, txId: 0, payload })).at(-1)!.text;
    };
    const before = await startC(host);
    try {
      const client = await RawClient.connect(host.socketPath);
      host.create(1);
      await ask(client, T.WRITE, "/local/domain/1/store/port.5");
      await ask(client, T.MKDIR, "/local/domain/1/data.");
      await ask(client, T.SET_PERMS, "/local/domain/1/data.n1.");
      assertEquals(await ask(client, T.INTRODUCE, "1.1.5."), "OK\0");
      assertEquals(await update(client, nextXs(host), "-t", "5"), "OK", before.output());
      client.close();
    } finally {
      Deno.kill(before.pid, "SIGKILL");
      await before.status;
    }
    host.daemonDied();
    await using daemon = await startDaemon({ socket: host.socketPath, env: host.env() });
    const client = await RawClient.connect(host.socketPath);
    assertEquals(host.boundPort(1), 5, daemon.output());
    assertEquals(await ask(client, T.IS_DOMAIN_INTRODUCED, "1."), "T\0");
    client.close();
  },
);
