/** The lives of domains on a simulated Xen host: what the tables can't say. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { MessageType } from "../../lib/wire/message_type.ts";
import {
  CONNECTION,
  EVTCHN_PORT,
  RECONNECT,
  REQ_PROD,
  SERVER_FEATURES,
} from "../../lib/transport/ring_page.ts";
import { GuestRing } from "../../lib/transport/ring.ts";
import { encodeMessage } from "../../lib/wire/header.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { startDaemon } from "../support/daemon.ts";
import { until } from "../support/patience.ts";
import { testUnless } from "../support/skip.ts";
import { Bench, dotted } from "../support/simulation/bench.ts";
import {
  DEAD,
  DYING,
  EXISTS,
  SHUTDOWN,
  SimulatedHost,
  simulationMissing,
} from "../support/simulation/simulated_host.ts";

const missing = simulationMissing();
const { READ, WATCH, WRITE } = MessageType;

/** Ports and pages of a host with domain 0 only: its ring's port and the VIRQ's. */
const PORTS_IDLE = 2;

for (const list of ["libxenctrl", "libxenmanage"] as const) {
  testUnless(missing, `${list}: a guest asks, watches and is watched`, async () => {
    await using bench = await Bench.make(list);
    const guest = await bench.introduce(1);
    assertEquals((await guest.request(WRITE, toBytes("data\0x"), 0)).map(dotted), ["OK."]);
    assertEquals(await bench.ask("READ", "/local/domain/1/data."), ["x"]);
    assertEquals((await guest.request(WATCH, toBytes("data\0t\0"), 0)).map(dotted), ["OK."]);
    assertEquals((await guest.drain()).map(dotted), ["data.t."]);
    await bench.ask("WRITE", "/local/domain/1/data.y");
    assertEquals((await guest.drain()).map(dotted), ["data.t."]);
    await bench.ask("WATCH", "/local/domain/1.s.");
    await bench.events();
    await guest.request(WRITE, toBytes("data\0z"), 0);
    assertEquals(await bench.events(), ["/local/domain/1/data.s."]);
  });

  testUnless(missing, `${list}: shutdown, dying, death, and what is left`, async () => {
    await using bench = await Bench.make(list);
    await bench.introduce(1);
    assertEquals(bench.host.counters.mapped, 1);
    await bench.ask("WATCH", "@releaseDomain.r.");
    await bench.events();
    await bench.setState(1, EXISTS | SHUTDOWN);
    assertEquals(await bench.events(), ["@releaseDomain.r."]);
    await bench.setState(1, EXISTS | SHUTDOWN | DYING);
    assertEquals(await bench.events(), []);
    await bench.setState(1, EXISTS | SHUTDOWN | DYING | DEAD);
    assertEquals(await bench.events(), ["@releaseDomain.r."]);
    assertEquals(await bench.ask("DIRECTORY", "/local/domain."), [""]);
    assertEquals(bench.host.counters.mapped, 0);
    assertEquals(bench.host.counters.bound, PORTS_IDLE);
    await bench.setState(1, 0);
    assertEquals(await bench.events(), []);
  });

  testUnless(missing, `${list}: a domid that somebody else has now is another domain`, async () => {
    await using bench = await Bench.make(list);
    await bench.introduce(1);
    bench.host.setState(1, 0);
    bench.host.create(1);
    await bench.raise();
    assertEquals(await bench.ask("IS_DOMAIN_INTRODUCED", "1."), ["F."]);
    assertEquals(await bench.ask("READ", "/local/domain/1."), ["ENOENT."]);
    assertEquals(bench.host.counters.mapped, 0);
    const guest = await bench.introduce(1);
    assertEquals((await guest.request(READ, toBytes("x\0"), 0)).map(dotted), ["ENOENT."]);
  });

  testUnless(
    missing,
    `${list}: a domain that came and went between two looks is noticed`,
    async () => {
      await using bench = await Bench.make(list);
      await bench.introduce(7);
      await bench.setState(7, 0);
      assertEquals(await bench.ask("IS_DOMAIN_INTRODUCED", "7."), ["F."]);
      assertEquals(bench.host.counters.mapped, 0);
    },
  );

  testUnless(missing, `${list}: a second shutdown after RESUME is told, too`, async () => {
    await using bench = await Bench.make(list);
    await bench.introduce(1);
    await bench.ask("WATCH", "@releaseDomain.r.");
    await bench.setState(1, EXISTS | SHUTDOWN);
    await bench.events();
    await bench.ask("RESUME", "1.");
    // No VIRQ tells that the domain runs again.
    bench.host.setState(1, EXISTS);
    await bench.setState(1, EXISTS | SHUTDOWN);
    assertEquals(await bench.events(), ["@releaseDomain.r."]);
  });
}

testUnless(missing, "what can't be mapped or bound leaves nothing behind", async () => {
  await using bench = await Bench.make("libxenctrl");
  const { host } = bench;
  host.create(1);
  host.failMapping(1, 12);
  assertEquals(await bench.ask("INTRODUCE", "1.1.5."), ["ENOMEM."]);
  host.failMapping(1, 0);
  host.failBinding(1, 13);
  assertEquals(await bench.ask("INTRODUCE", "1.1.5."), ["EACCES."]);
  assertEquals(host.counters.mapped, 0);
  host.failBinding(1, 3);
  // ESRCH has no name on the wire.
  assertEquals(await bench.ask("INTRODUCE", "1.1.5."), ["EINVAL."]);
  assertEquals(await bench.ask("INTRODUCE", "99.1.5."), ["EINVAL."]);
  assertEquals(await bench.ask("IS_DOMAIN_INTRODUCED", "1."), ["F."]);
  host.failBinding(1, 0);
  assertEquals(await bench.ask("INTRODUCE", "1.1.5."), ["OK."]);
  assertEquals([host.counters.mapped, host.counters.bound], [1, PORTS_IDLE + 1]);
  assertStringIncludes(
    bench.daemon.output(),
    "its page (grant 1) cannot be mapped: Cannot allocate",
  );
});

testUnless(
  missing,
  "INTRODUCE again binds the new port; one that fails leaves the page",
  async () => {
    await using bench = await Bench.make("libxenctrl");
    const guest = await bench.introduce(1);
    assertEquals(await bench.ask("INTRODUCE", "1.1.9."), ["OK."]);
    assertEquals(bench.host.boundPort(1), 9);
    assertEquals(await bench.ask("INTRODUCE", "1.1.9."), ["OK."]);
    assertEquals(bench.host.boundPort(1), 9);
    bench.host.failBinding(1, 22);
    assertEquals(await bench.ask("INTRODUCE", "1.1.9."), ["OK."]);
    assertEquals([bench.host.boundPort(1), bench.host.counters.mapped], [0, 1]);
    bench.host.failBinding(1, 0);
    assertEquals(await bench.ask("INTRODUCE", "1.1.6."), ["OK."]);
    assertEquals((await guest.request(READ, toBytes("x\0"), 0)).map(dotted), ["ENOENT."]);
    assertEquals(bench.host.counters.bound, PORTS_IDLE + 1);
  },
);

testUnless(
  missing,
  "domain 0's kernel is served on its own ring, and told of the start",
  async () => {
    const request = encodeMessage(READ, 77, 0, toBytes("/tool\0")).slice();
    await using bench = await Bench.make("libxenctrl", (host) => {
      // Asked before the daemon was there, as by a kernel whose daemon was exchanged.
      host.page(0).store(REQ_PROD, 5000);
      host.page(0).store(512, 5000);
      host.guest(0).write(request, 0, request.length);
    });
    await until("the event of the start", () => bench.host.noticed(0) > 0);
    const kernel = bench.client(0);
    const reply = new Uint8Array(64);
    await until("the reply", () => kernel.end.read(reply, 0, 64) === 16);
    assertEquals(reply[4], 77);
    assertEquals(bench.host.page(0).load(SERVER_FEATURES), 14);
    assertEquals((await kernel.request(WRITE, toBytes("k\0v"), 0)).map(dotted), ["OK."]);
    assertEquals(await bench.ask("READ", "/local/domain/0/k."), ["v"]);
  },
);

testUnless(missing, "domains that wait with a port in their page are served at once", async () => {
  await using bench = await Bench.make("libxenmanage", (host) => {
    for (const domid of [1, 2]) host.create(domid);
    host.page(1).store(EVTCHN_PORT, 3);
    host.page(1).store(CONNECTION, RECONNECT);
  });
  assertEquals(await bench.ask("IS_DOMAIN_INTRODUCED", "1."), ["T."]);
  assertEquals(await bench.ask("IS_DOMAIN_INTRODUCED", "2."), ["F."]);
  assertEquals([bench.host.boundPort(1), bench.host.counters.mapped], [3, 1]);
  assertEquals(bench.host.page(1).load(CONNECTION), 0);
  assertEquals(bench.host.noticed(1) > 0, true);
  // Their toolstack introduces the others; the port in the page goes before the argument.
  bench.host.page(2).store(EVTCHN_PORT, 4);
  assertEquals(await bench.ask("INTRODUCE", "2.1.5."), ["OK."]);
  assertEquals(bench.host.boundPort(2), 4);
});

testUnless(missing, "a guest whose event got lost is served all the same", async () => {
  await using bench = await Bench.make("libxenctrl");
  await bench.introduce(1);
  // Not earlier than the events of binding, which would bring it to light.
  await bench.events();
  const request = encodeMessage(READ, 5, 0, toBytes("x\0")).slice();
  const silent = new GuestRing(bench.host.page(1), () => {});
  silent.write(request, 0, request.length);
  const reply = new Uint8Array(64);
  await until("an answer", () => silent.read(reply, 0, 64) > 0);
  assertEquals(reply[4], 5);
});

testUnless(missing, "--keep-orphans leaves a dead domain's nodes to domain 0", async () => {
  await using bench = await Bench.make("libxenctrl", () => {}, ["--keep-orphans"]);
  const guest = await bench.introduce(1);
  await guest.request(WRITE, toBytes("data\0x"), 0);
  await bench.setState(1, EXISTS | DEAD);
  assertEquals(await bench.ask("READ", "/local/domain/1/data."), ["x"]);
  assertEquals(await bench.ask("GET_PERMS", "/local/domain/1/data."), ["n0."]);
});

testUnless(missing, "an answer waits in the daemon until the guest makes room", async () => {
  await using bench = await Bench.make("libxenctrl");
  const guest = await bench.introduce(1);
  const value = "v".repeat(1500);
  await guest.request(WRITE, toBytes(`big\0${value}`), 0);
  assertEquals((await guest.request(READ, toBytes("big\0"), 0)).map(dotted), [value]);
});

testUnless(missing, "a host of which nothing answers is refused in a clear line", async () => {
  await using host = await SimulatedHost.make();
  await Deno.remove(`${host.path}/xsd_port`);
  const message = await startDaemon({ socket: host.socketPath, env: host.env() }).then(
    async (daemon) => `started: ${await daemon.stop()}`,
    String,
  );
  assertStringIncludes(message, "cannot get the port of this domain's own ring");
  assertStringIncludes(message, "cannot connect any domain at the start");
});
