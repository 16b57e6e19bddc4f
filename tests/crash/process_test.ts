/** `xs serve` itself, killed with SIGKILL at random moments under guests on a simulated host. */
import { assert, assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { RawClient } from "../differential/raw_client.ts";
import { SimulatedHost, simulationMissing } from "../simulation/simulated_host.ts";
import { startDaemon } from "../support/daemon.ts";
import { Random, testSeed } from "../support/random.ts";
import { testUnless } from "../support/skip.ts";
import { RingGuest } from "./guest.ts";

const GUESTS = [1, 2, 3];
const SHARED = "/shared/s";
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function ask(client: RawClient, type: number, payload: string): Promise<string> {
  const reply = (await client.exchange({ type, txId: 0, payload: toBytes(payload) })).at(-1)!;
  return `${reply.type === type ? "" : "ERROR "}${reply.text}`;
}

/** Guests on a host, looked after from here. */
class Guests {
  readonly all: RingGuest[] = [];
  readonly #seen = new Map<number, number>();
  life = 1;

  constructor(readonly host: SimulatedHost, readonly random: Random) {}

  add(domid: number): void {
    const guest = new RingGuest(domid, this.host.guest(domid), this.random);
    guest.watch(SHARED, "shared");
    this.all.push(guest);
  }

  /** Everyone does something, and looks into its ring if it was notified. */
  step(finish: boolean): void {
    for (const guest of this.all) {
      if (finish || this.random.chance(0.5)) guest.act(this.life, finish);
      const noticed = this.host.noticed(guest.domid);
      if (noticed === this.#seen.get(guest.domid)) continue;
      this.#seen.set(guest.domid, noticed);
      while (guest.receive(this.life) > 0);
      guest.flush();
    }
  }

  async rest(): Promise<void> {
    const deadline = Date.now() + 10_000;
    while (!this.all.every((guest) => guest.quiet && !guest.inTransaction)) {
      this.step(true);
      assert(Date.now() < deadline, "a guest waits for ever");
      await pause(0.2);
    }
  }
}

testUnless(simulationMissing(), "SIGKILL at random moments: guests and store go on", async () => {
  const seed = testSeed();
  const random = new Random(seed);
  await using host = await SimulatedHost.make();
  const start = (): ReturnType<typeof startDaemon> =>
    startDaemon({ socket: host.socketPath, env: host.env() });
  let daemon = await start();
  try {
    const guests = new Guests(host, random);
    let client = await RawClient.connect(host.socketPath);
    await ask(client, T.WRITE, `${SHARED}\0`);
    await ask(client, T.SET_PERMS, `${SHARED}\0r0\0`);
    for (const domid of GUESTS) {
      host.create(domid);
      await ask(client, T.MKDIR, `/local/domain/${domid}\0`);
      await ask(client, T.SET_PERMS, `/local/domain/${domid}\0n${domid}\0`);
      assertEquals(await ask(client, T.INTRODUCE, `${domid}\x001\0${domid}\0`), "OK\0");
      guests.add(domid);
    }
    const deaths = Number(Deno.env.get("XS_DEATHS") ?? 100);
    for (let death = 1; death <= deaths; death++) {
      const acknowledged = `${death}`;
      assertEquals(await ask(client, T.WRITE, `/log/${death}\0${acknowledged}`), "OK\0");
      const until = Date.now() + 5 + random.below(60);
      while (Date.now() < until) {
        guests.step(false);
        await pause(0);
      }
      Deno.kill(daemon.pid, "SIGKILL");
      await daemon.status;
      host.daemonDied();
      guests.life++;
      daemon = await start();
      client = await RawClient.connect(host.socketPath);
      for (let one = 1; one <= death; one++) {
        assertEquals(await ask(client, T.READ, `/log/${one}\0`), `${one}`);
      }
      await guests.rest();
      const before = guests.all.map(({ events }) => events.get("shared") ?? 0);
      assertEquals(await ask(client, T.WRITE, `${SHARED}\0${death}`), "OK\0");
      const deadline = Date.now() + 5_000;
      while (guests.all.some(({ events }, at) => events.get("shared") === before[at])) {
        guests.step(true);
        assert(Date.now() < deadline, "a watch no longer fires");
        await pause(0.2);
      }
      assert(!(await ask(client, T.CONTROL, "check\0")).includes("Correct accounting"));
    }
    assert(guests.all.every(({ replies }) => replies > deaths));
  } catch (error) {
    throw new Error(`failed with XS_SEED=${seed}: ${daemon.output()}`, { cause: error });
  } finally {
    await daemon.stop();
  }
});
