import { assertEquals } from "@std/assert";
import { Share } from "../../lib/engine/work_meter.ts";
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
        assertEquals(queue.take().id, waiting[at]!.client.id);
        waiting.splice(at, 1);
      }
      assertEquals(queue.size, waiting.length);
    }
  });
});
