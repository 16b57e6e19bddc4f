/** What happened to domains while there was no daemon is told when there is one. */
import { assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { RawClient } from "../support/raw_client.ts";
import {
  EXISTS,
  SHUTDOWN,
  SimulatedHost,
  simulationMissing,
} from "../support/simulation/simulated_host.ts";
import { startDaemon } from "../support/daemon.ts";
import { deadline, pause } from "../support/patience.ts";
import { Random } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";
import { testUnless } from "../support/skip.ts";
import { RingGuest } from "../support/ring_guest.ts";
import { MemoryLives } from "./memory_lives.ts";

const WATCHER = 1;
const OTHER = 2;

Deno.test("a domain that shut down, died or was replaced meanwhile: its watchers hear of it once", async () => {
  await using scratch = await makeScratch();
  const lives = new MemoryLives(scratch.path), { domains } = lives;
  const client = lives.connect();
  for (const domid of [WATCHER, OTHER]) {
    domains.create(domid);
    assertEquals(client.ask(T.INTRODUCE, `${domid}\x001\0${domid}\0`), "INTRODUCE OK\0");
  }
  assertEquals(client.ask(T.SET_PERMS, "@releaseDomain\0n0\0r1\0"), "SET_PERMS OK\0");
  const watcher = new RingGuest(WATCHER, domains.guest(WATCHER), new Random(1));
  watcher.watch("@releaseDomain", "released");
  const events = (): number => {
    for (let turn = 0; turn < 20; turn++) {
      lives.turn();
      watcher.receive(lives.life);
    }
    return watcher.events.get("released") ?? 0;
  };
  let heard = events();
  const meanwhile = [
    () => domains.shutDown(OTHER),
    () => {},
    () => domains.remove(OTHER),
    () => {},
  ];
  for (const [i, happens] of meanwhile.entries()) {
    happens();
    lives.reincarnate();
    assertEquals(events() - heard, i % 2 === 0 ? 1 : 0, `step ${i}`);
    heard = events();
  }
  domains.create(OTHER);
  assertEquals(lives.connect().ask(T.INTRODUCE, `${OTHER}\x001\0${OTHER}\0`), "INTRODUCE OK\0");
  heard = events();
  domains.remove(OTHER);
  domains.create(OTHER);
  lives.reincarnate();
  assertEquals(events() - heard, 1);
  assertEquals(lives.isIntroduced(OTHER), false);
  lives.end();
});

for (const list of ["libxenctrl", "libxenmanage"] as const) {
  testUnless(
    simulationMissing(),
    `a shutdown while there is no daemon is told, ${list}`,
    async () => {
      await using host = await SimulatedHost.make();
      const start = (): ReturnType<typeof startDaemon> =>
        startDaemon({ socket: host.socketPath, env: host.env(list) });
      let daemon = await start();
      try {
        const client = await RawClient.connect(host.socketPath);
        const ask = async (type: number, payload: string): Promise<string | undefined> =>
          (await client.exchange({ type, txId: 0, payload: toBytes(payload) })).at(-1)?.text;
        for (const domid of [WATCHER, OTHER]) {
          host.create(domid);
          assertEquals(await ask(T.INTRODUCE, `${domid}\x001\0${domid}\0`), "OK\0");
        }
        assertEquals(await ask(T.SET_PERMS, "@releaseDomain\0n0\0r1\0"), "OK\0");
        const watcher = new RingGuest(WATCHER, host.guest(WATCHER), new Random(1));
        watcher.watch("@releaseDomain", "released");
        const events = async (count: number): Promise<void> => {
          const end = deadline(`${count} events`);
          while (!watcher.quiet || (watcher.events.get("released") ?? 0) < count) {
            watcher.receive(1);
            end.check();
            await pause(1);
          }
        };
        await events(1);
        Deno.kill(daemon.pid, "SIGKILL");
        await daemon.status;
        host.daemonDied();
        host.setState(OTHER, EXISTS | SHUTDOWN);
        daemon = await start();
        await events(2);
      } finally {
        await daemon.stop();
      }
    },
  );
}
