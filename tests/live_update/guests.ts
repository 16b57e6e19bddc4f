/** Guests on a simulated host that never rest, and notice everything that goes wrong. */
import { assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { RingGuest } from "../support/ring_guest.ts";
import type { RawClient } from "../support/raw_client.ts";
import type { SimulatedHost } from "../support/simulation/simulated_host.ts";
import { deadline, pause, until } from "../support/patience.ts";
import type { Random } from "../support/random.ts";

const GUESTS = [1, 2, 3];

/** Guests that do something, and look into their rings when they are notified. */
export class Guests {
  readonly #all: RingGuest[] = [];
  readonly #seen = new Map<number, number>();
  #stopped = true;
  #running: Promise<void> = Promise.resolve();
  #failure: Error | null = null;
  /** How many lives the daemon has had: with each, transactions may be lost. */
  life = 1;

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
  }

  /** Lets them be busy until {@link rest}. */
  start(): void {
    this.#stopped = false;
    this.#running = this.#run();
    // It is waited for later.
    this.#running.catch((error) => this.#failure = error);
  }

  #step(finish: boolean): void {
    for (const guest of this.#all) {
      if (finish || this.random.chance(0.3)) guest.act(this.life, finish);
      const noticed = this.host.noticed(guest.domid);
      if (noticed === this.#seen.get(guest.domid)) continue;
      this.#seen.set(guest.domid, noticed);
      while (guest.receive(this.life) > 0);
      guest.flush();
    }
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#step(false);
      await pause(0);
    }
  }

  /** Ends what is under way. */
  async rest(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    const end = deadline("answers to all");
    while (!this.#all.every((guest) => guest.quiet && !guest.inTransaction)) {
      this.#step(true);
      end.check();
      await pause(0);
    }
  }

  /** Waits until all have got something of everything done. */
  async atWork(): Promise<void> {
    await until("a transaction and an event of each guest", () => {
      if (this.#failure !== null) throw this.#failure;
      return this.#all.every(({ committed, events }) => committed > 0 && events.has("data"));
    });
  }

  /** No transaction was lost. */
  assertNothingLost(): void {
    for (const { domid, lost } of this.#all) assertEquals(lost, 0, `domain ${domid}`);
  }
}
