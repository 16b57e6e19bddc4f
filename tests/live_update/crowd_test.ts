/** xs gives way to xs while everybody on the host is busy. */
import { assert, assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { RingGuest } from "../crash/guest.ts";
import { RawClient } from "../differential/raw_client.ts";
import { SimulatedHost, simulationMissing } from "../simulation/simulated_host.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { Random, testSeed } from "../support/random.ts";
import { testUnless } from "../support/skip.ts";
import { Crowd } from "./crowd.ts";
import { update } from "./operator.ts";

const GUESTS = [1, 2, 3];
const CLIENTS = 20;
const UPDATES = Number(Deno.env.get("XS_UPDATES") ?? 6);
const [XS] = xsCommand();

/** Guests that do something, and look into their rings when they are notified. */
class Guests {
  readonly #all: RingGuest[] = [];
  readonly #seen = new Map<number, number>();
  #stopped = false;
  #running: Promise<void> = Promise.resolve();

  constructor(private readonly host: SimulatedHost, private readonly random: Random) {}

  async settle(client: RawClient): Promise<void> {
    const ask = async (type: number, text: string): Promise<void> => {
      const reply = (await client.exchange({ type, txId: 0, payload: toBytes(text) })).at(-1)!;
      assertEquals(reply.type, type, text);
    };
    for (const domid of GUESTS) {
      this.host.create(domid);
      await ask(T.MKDIR, `/local/domain/${domid}\0`);
      await ask(T.SET_PERMS, `/local/domain/${domid}\0n${domid}\0`);
      await ask(T.INTRODUCE, `${domid}\x001\0${domid}\0`);
      const guest = new RingGuest(domid, this.host.guest(domid), this.random);
      guest.watch("data", "data");
      this.#all.push(guest);
    }
    this.#running = this.#run();
    this.#running.catch(() => {});
  }

  #step(finish: boolean): void {
    for (const guest of this.#all) {
      if (finish || this.random.chance(0.3)) guest.act(1, finish);
      const noticed = this.host.noticed(guest.domid);
      if (noticed === this.#seen.get(guest.domid)) continue;
      this.#seen.set(guest.domid, noticed);
      while (guest.receive(1) > 0);
      guest.flush();
    }
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#step(false);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  /** Ends what is under way; all must have got something done and nothing lost. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    const deadline = Date.now() + 15_000;
    while (!this.#all.every((guest) => guest.quiet && !guest.inTransaction)) {
      this.#step(true);
      assert(Date.now() < deadline, "a guest waits for ever");
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    for (const { committed, domid, events, lost, replies } of this.#all) {
      assertEquals(lost, 0, `domain ${domid}`);
      assert(replies > 0 && committed > 0, `domain ${domid}`);
      assert((events.get("data") ?? 0) > 0, `domain ${domid}`);
    }
  }
}

testUnless(
  simulationMissing(),
  "live update: 20 clients and 3 guests notice nothing of daemons that follow each other",
  async () => {
    const seed = testSeed();
    const random = new Random(seed);
    await using host = await SimulatedHost.make();
    await using daemon = await startDaemon({ socket: host.socketPath, env: host.env() });
    try {
      const operator = await RawClient.connect(host.socketPath);
      const guests = new Guests(host, random);
      await guests.settle(operator);
      const crowd = await Crowd.gather(host.socketPath, CLIENTS, random);
      for (let i = 0; i < UPDATES; i++) {
        await new Promise((resolve) => setTimeout(resolve, 50 + random.below(200)));
        assertEquals(await update(operator, { file: XS }, "-t", "20"), "OK");
      }
      await guests.stop();
      await crowd.disperse();
      const check = { type: T.CONTROL, txId: 0, payload: toBytes("check\0") };
      assertEquals((await operator.exchange(check)).map(({ text }) => text), ["OK\0"]);
      assert(!daemon.output().includes("warning"), daemon.output());
      assertEquals(daemon.output().match(/took over/g)?.length, UPDATES);
      operator.close();
    } catch (error) {
      throw new Error(`failed with XS_SEED=${seed}: ${daemon.output()}`, { cause: error });
    }
  },
);
