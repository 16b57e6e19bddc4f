/**
 * A guest whose page changes while the daemon reads it: what is checked and what is used must be the
 * same read. The daemon is another process, the guest's second processor a thread of this one.
 */
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { mapFile, viewMemory } from "../../ffi/shared_memory.ts";
import {
  ERROR,
  ERROR_INDEX,
  ERROR_NONE,
  ERROR_PROTOCOL,
  FEATURE_ERROR,
  RING_PAGE_SIZE,
  RING_SIZE,
  RingPage,
} from "../../lib/transport/ring_page.ts";
import { RingTransport } from "../../lib/transport/ring.ts";
import { toBytes } from "../../lib/wire/text.ts";
import type { ByteClient } from "../support/byte_client.ts";
import { Bench } from "../support/simulation/bench.ts";
import { simulationMissing } from "../support/simulation/simulated_host.ts";
import { deadline, pause, until } from "../support/patience.ts";
import { makeScratch } from "../support/scratch.ts";
import { testUnless } from "../support/skip.ts";
import { Budget } from "./budget.ts";
import { REST, RUN, STOP, type VandalOrders } from "./vandal.ts";

/** The guest's second processor. */
class Vandal implements Disposable {
  readonly #control = new Int32Array(new SharedArrayBuffer(8));
  readonly #thread = new Worker(new URL("vandal.ts", import.meta.url), { type: "module" });

  constructor(path: string, domid: number, seed: number) {
    const orders: VandalOrders = {
      path,
      offset: domid * RING_PAGE_SIZE,
      seed,
      control: this.#control.buffer as SharedArrayBuffer,
    };
    this.#thread.postMessage(orders);
  }

  /** Leaves the page alone from when this returns until {@link goOn}. */
  async rest(): Promise<void> {
    this.#order(REST);
    await until("the thread to rest", () => Atomics.load(this.#control, 1) === 1);
  }

  goOn(): void {
    this.#order(RUN);
  }

  #order(order: number): void {
    Atomics.store(this.#control, 0, order);
    Atomics.notify(this.#control, 0);
  }

  [Symbol.dispose](): void {
    this.#order(STOP);
    this.#thread.terminate();
  }
}

async function expect(
  client: ByteClient,
  type: number,
  text: string,
  wanted: string,
): Promise<void> {
  const reply = (await client.request(type, toBytes(text), 0)).at(-1)?.text;
  if (reply !== wanted) throw new Error(`${JSON.stringify(reply)}, not ${JSON.stringify(wanted)}`);
}

/** The other guest and dom0 are served as ever, and the daemon has met nothing that it can't explain. */
async function checkOthers(bench: Bench, other: ByteClient, round: number): Promise<void> {
  await expect(other, T.WRITE, `x\0value ${round}`, "OK\0");
  const [value] = (await bench.ask("READ", "/local/domain/2/x.")).slice(-1);
  if (value !== `value ${round}`) throw new Error(`dom0 reads ${value}`);
  const output = bench.daemon.output();
  if (/internal error|Correct accounting/.test(output)) throw new Error(output);
}

/** Introduced again, the guest is served like any other. */
async function takeBack(bench: Bench): Promise<void> {
  const page = bench.host.page(1);
  const error = page.load(ERROR);
  // The thread writes to this word, too: what counts is that a new start puts it right.
  if (![ERROR_NONE, ERROR_INDEX, ERROR_PROTOCOL].includes(error)) page.store(ERROR, ERROR_NONE);
  const [reply] = (await bench.ask("INTRODUCE", "1.1.5.")).slice(-1);
  if (reply !== "OK.") throw new Error(`INTRODUCE: ${reply}`);
  await expect(bench.client(1), T.GET_DOMAIN_PATH, "1\0", "/local/domain/1\0");
  await bench.ask("CONTROL", "check.");
}

Deno.test("indices that change while they are read give no more than a ring", async () => {
  const budget = new Budget();
  await using scratch = await makeScratch();
  const path = `${scratch.path}/page`;
  await Deno.writeFile(path, new Uint8Array(RING_PAGE_SIZE));
  const page = new RingPage(viewMemory(mapFile(path, RING_PAGE_SIZE), RING_PAGE_SIZE));
  const ring = new RingTransport(page, () => {});
  using _vandal = new Vandal(path, 0, budget.seed);
  const buffer = new Uint8Array(4 * RING_SIZE);
  let moved = 0;
  await budget.run(async () => {
    const end = deadline("something to read");
    while (budget.next() || moved === 0) {
      end.check();
      for (let i = 0; i < 1_000; i++) if (tryOnce(ring, buffer)) moved++;
      await pause(0);
    }
  });
});

/** Reads and writes once; whether anything was read. */
function tryOnce(ring: RingTransport, buffer: Uint8Array): boolean {
  if (ring.ignored) ring.introduce(FEATURE_ERROR);
  const count = ring.read(buffer, 0, buffer.length);
  if (count > RING_SIZE) throw new Error(`${count} bytes out of a ring`);
  // A ring is tried again while there is room: the guest may make some meanwhile.
  const written = ring.write(buffer, 0, buffer.length);
  if (written > buffer.length) throw new Error(`${written} of ${buffer.length} bytes written`);
  ring.settle();
  return count > 0;
}

testUnless(
  simulationMissing(),
  "a page that changes while it is read hurts nobody else",
  async () => {
    const budget = new Budget();
    await using bench = await Bench.make("libxenctrl");
    await bench.introduce(1);
    const other = await bench.introduce(2);
    using vandal = new Vandal(`${bench.host.path}/pages`, 1, budget.seed);
    await budget.run(async () => {
      while (budget.next()) {
        for (let i = 0; i < 20; i++) {
          bench.host.kick(1);
          await pause(1);
        }
        await checkOthers(bench, other, budget.rounds);
        await vandal.rest();
        await takeBack(bench);
        vandal.goOn();
      }
    });
  },
);
