/** What is cut out of a guest's output leaves the rest as it was, whatever was sent of it. */
import { assert, assertEquals } from "@std/assert";
import { PeerOutput } from "../../lib/server/peer/peer_output.ts";
import type { Transport } from "../../lib/transport/transport.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { withSeed } from "../support/random.ts";
import { parseMessages, READ } from "./support.ts";

/** A message that was queued: its text, when its time is over, and whether it is gone. */
interface Queued {
  readonly text: string;
  readonly due: number;
  gone: boolean;
}

const waiter = { messageGone: (): void => {} };

Deno.test("Random drops leave all other messages whole and in order", () => {
  withSeed((random) => {
    let dropped = 0;
    for (let round = 0; round < 200; round++) {
      const output = new PeerOutput();
      const queued: Queued[] = [];
      const sent: number[] = [];
      let room = 0;
      const transport = {
        write: (from: Uint8Array, at: number, end: number): number => {
          const count = Math.min(room, end - at);
          sent.push(...from.subarray(at, at + count));
          return count;
        },
      } as unknown as Transport;
      for (let step = 0; step < 60; step++) {
        const number = queued.length;
        const size = 1 + random.below(60);
        switch (random.below(4)) {
          case 0: {
            const text = `${number}`.padEnd(size, "x");
            output.addReply(READ, number, 0, toBytes(text), waiter);
            queued.push({ text, due: Infinity, gone: false });
            break;
          }
          case 1: {
            const path = `${random.below(2) === 0 ? "@" : "/"}${number}`.padEnd(size, "x");
            const due = step + random.below(20);
            output.addEvent(path, "t", null, due);
            queued.push({ text: `${path}\0t\0`, due, gone: false });
            break;
          }
          case 2:
            room = random.below(200);
            output.sendTo(transport);
            break;
          default:
            output.dropDue(step, (path) => {
              const message = queued.find(({ text }) => text === `${path}\0t\0`)!;
              assert(!message.gone && message.due <= step);
              message.gone = true;
              dropped++;
            });
        }
      }
      room = Infinity;
      output.sendTo(transport);
      assertEquals(output.length, 0);
      assertEquals(output.hasDated, false);
      const { messages, used } = parseMessages(new Uint8Array(sent));
      assertEquals(used, sent.length);
      const wanted = queued.filter(({ gone }) => !gone).map(({ text }) => text);
      assertEquals(messages.map(({ payload }) => payload), wanted);
    }
    assert(dropped > 500, `only ${dropped} events were dropped`);
  });
});
