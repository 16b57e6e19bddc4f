/** A supervised daemon on a host with guests: rings and sockets together, killed again and again. */
import { assert, assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { RingGuest } from "../support/ring_guest.ts";
import { RawClient } from "../support/raw_client.ts";
import { SimulatedHost, simulationMissing } from "../support/simulation/simulated_host.ts";
import { deadline, pause } from "../support/patience.ts";
import { Random, testSeed } from "../support/random.ts";
import { testUnless } from "../support/skip.ts";
import { SHARED, SocketGuest } from "./socket_guest.ts";
import { Supervised } from "../support/supervised.ts";

const GUESTS = [1, 2, 3];
const DEATHS = Number(Deno.env.get("XS_DEATHS") ?? (Deno.env.get("CI") === "true" ? 40 : 12));

/** Guests on rings and clients on sockets, who do the same things. */
class Crowd {
  readonly rings: RingGuest[] = [];
  readonly sockets: SocketGuest[] = [];
  life = 1;

  constructor(readonly host: SimulatedHost, readonly random: Random) {}

  async introduce(operator: RawClient, domid: number): Promise<void> {
    this.host.create(domid);
    await operator.ask(T.MKDIR, `/local/domain/${domid}\0`);
    await operator.ask(T.SET_PERMS, `/local/domain/${domid}\0n${domid}\0`);
    assertEquals(await operator.ask(T.INTRODUCE, `${domid}\x001\0${domid}\0`), "OK\0");
    const guest = new RingGuest(domid, this.host.guest(domid), this.random);
    guest.watch(SHARED, "shared");
    this.rings.push(guest);
    this.sockets.push(new SocketGuest(100 + domid, this.host.socketPath, this.random));
  }

  get all(): RingGuest[] {
    return [...this.rings, ...this.sockets.map(({ guest }) => guest)];
  }

  step(finish: boolean): void {
    for (const guest of this.all) {
      if (finish || this.random.chance(0.5)) guest.act(this.life, finish);
      guest.receive(this.life);
      guest.flush();
    }
  }

  /** Everybody does something for some ms, and until everybody has got something done. */
  async work(ms: number): Promise<void> {
    const before = this.all.map(({ replies }) => replies);
    const enough = Date.now() + ms, end = deadline("a reply to each");
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

  /** All hear of a change that one of them makes. */
  async checkWatches(value: string): Promise<void> {
    await this.rest();
    const before = this.all.map(({ events }) => events.get("shared") ?? 0);
    this.random.pick(this.sockets).guest.write(SHARED, value, this.life);
    const end = deadline("an event of each watch");
    while (this.all.some(({ events }, at) => (events.get("shared") ?? 0) <= before[at]!)) {
      this.step(true);
      end.check();
      await pause(0.2);
    }
  }
}

testUnless(simulationMissing(), "supervised: guests and clients of the socket go on", async () => {
  const seed = testSeed();
  const random = new Random(seed);
  await using host = await SimulatedHost.make();
  const args = ["--restarts=0", "--restart-delay=0"];
  await using supervised = await Supervised.start(args, host.socketPath, host.env());
  try {
    await using operator = await RawClient.connect(host.socketPath);
    assertEquals(await operator.ask(T.WRITE, `${SHARED}\0`), "OK\0");
    assertEquals(await operator.ask(T.SET_PERMS, `${SHARED}\0r0\0`), "OK\0");
    const crowd = new Crowd(host, random);
    for (const domid of GUESTS) await crowd.introduce(operator, domid);
    await crowd.rest();
    for (let death = 1; death <= DEATHS; death++) {
      await crowd.work(random.below(60));
      await supervised.whileDead(() => {
        host.daemonDied();
        crowd.life++;
        for (let step = random.below(4); step > 0; step--) crowd.step(false);
      });
      await crowd.checkWatches(String(death));
      assert(!(await operator.ask(T.CONTROL, "check\0")).includes("Correct accounting"));
    }
    for (const { end } of crowd.sockets) end.close();
  } catch (error) {
    const { server } = supervised;
    throw new Error(`failed with XS_SEED=${seed}: ${server.output()}`, { cause: error });
  }
});
