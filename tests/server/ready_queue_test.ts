import { assertEquals } from "@std/assert";
import { Share } from "../../lib/engine/work_meter.ts";
import { CREDIT_UNITS } from "../../lib/limits.ts";
import { type Contender, ReadyQueue } from "../../lib/server/loop/ready_queue.ts";
import { withSeed } from "../support/random.ts";

class Client implements Contender {
  readonly connection = { share: new Share(), privileged: false };
  prepaid = 0;
  readyAt = 0;

  constructor(readonly id: number) {}
}

Deno.test("ready queue: whoever stands first comes first, of equals whoever came first", () => {
  withSeed((random) => {
    const queue = new ReadyQueue<Client>();
    const waiting: { client: Client; place: number }[] = [];
    for (let i = 0; i < 20_000; i++) {
      // From none to some thousand, and back.
      if (waiting.length === 0 || random.chance(i % 10_000 < 5_000 ? 0.7 : 0.3)) {
        const client = new Client(i);
        // Some busy ones at the end, quiet ones at the front, and many equals.
        const place = random.chance(0.5) ? 1_000_000 + (i >> 4) : 500_000 + random.below(100);
        client.connection.share.at = place;
        queue.add(client);
        waiting.push({ client, place });
      } else {
        const first = Math.min(...waiting.map(({ place }) => place));
        const at = waiting.findIndex(({ place }) => place === first);
        assertEquals(queue.next, first);
        assertEquals(queue.take(0).id, waiting[at]!.client.id);
        waiting.splice(at, 1);
      }
      assertEquals(queue.size, waiting.length);
    }
  });
});

/** A client that was served so often, for `units` each time, and all its credit is there again. */
function knownFor(queue: ReadyQueue<Client>, id: number, units: number): Client {
  const client = new Client(id);
  for (let i = 0; i < 30; i++) {
    queue.add(client);
    queue.charge(queue.take(0), units);
  }
  return client;
}

Deno.test("ready queue: of guests with all their credit, one that uses little at a time goes first", () => {
  const queue = new ReadyQueue<Client>();
  const greedy = [1, 2, 3].map((id) => knownFor(queue, id, 20_000));
  const quiet = knownFor(queue, 4, 300);
  const unknown = new Client(5);
  queue.idle(2 * CREDIT_UNITS);
  for (const client of [unknown, ...greedy, quiet]) queue.add(client);
  assertEquals(queue.take(0).id, 4);
  // It comes back, having used something, and is still the first.
  queue.charge(quiet, 120);
  queue.add(quiet);
  assertEquals(queue.take(0).id, 4);
  assertEquals([1, 2, 3, 4].map(() => queue.take(0).id), [5, 1, 2, 3]);
});

Deno.test("ready queue: a guest that uses much at a time still goes before busy ones", () => {
  const queue = new ReadyQueue<Client>();
  const busy = new Client(1);
  const large = knownFor(queue, 2, 5_000_000);
  queue.idle(30 * 5_000_000);
  queue.add(busy);
  queue.charge(queue.take(0), CREDIT_UNITS);
  queue.add(busy);
  queue.add(large);
  assertEquals(queue.take(0).id, 2);
});
