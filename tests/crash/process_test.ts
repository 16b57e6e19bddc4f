/** `xs serve` itself, killed with SIGKILL at random moments under guests on a simulated host. */
import { assert, assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { RawClient } from "../support/raw_client.ts";
import { SimulatedHost, simulationMissing } from "../support/simulation/simulated_host.ts";
import { startDaemon } from "../support/daemon.ts";
import { deadline, pause } from "../support/patience.ts";
import { Random, testSeed } from "../support/random.ts";
import { testUnless } from "../support/skip.ts";
import { RingGuest } from "../support/ring_guest.ts";

const GUESTS = [1, 2, 3];
const SHARED = "/shared/s";
/** Dozens as a rule and in CI, thousands when told. */
const DEATHS = Number(Deno.env.get("XS_DEATHS") ?? (Deno.env.get("CI") === "true" ? 80 : 30));

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

  /** Everyone does something for some ms, and until everyone has got something done. */
  async work(ms: number): Promise<void> {
    const before = this.all.map(({ replies }) => replies);
    const enough = Date.now() + ms, end = deadline("a reply to each guest");
    while (Date.now() < enough || this.all.some(({ replies }, at) => replies === before[at])) {
      this.step(false);
      end.check();
      await pause(0);
    }
  }

  async rest(): Promise<void> {
    const end = deadline("answers to all");
    while (!this.all.every((guest) => guest.quiet && !guest.inTransaction)) {
      this.step(true);
      end.check();
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
    for (let death = 1; death <= DEATHS; death++) {
      const acknowledged = `${death}`;
      assertEquals(await ask(client, T.WRITE, `/log/${death}\0${acknowledged}`), "OK\0");
      await guests.work(5 + random.below(60));
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
      const end = deadline("an event of each watch");
      while (guests.all.some(({ events }, at) => events.get("shared") === before[at])) {
        guests.step(true);
        end.check();
        await pause(0.2);
      }
      assert(!(await ask(client, T.CONTROL, "check\0")).includes("Correct accounting"));
    }
  } catch (error) {
    throw new Error(`failed with XS_SEED=${seed}: ${daemon.output()}`, { cause: error });
  } finally {
    await daemon.stop();
  }
});
