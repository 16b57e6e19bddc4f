/** What is cut out of a guest's output leaves the rest as it was, whatever was sent of it. */
import { assert, assertEquals } from "@std/assert";
import { OUTPUT_CHUNK_BYTES } from "../../lib/limits.ts";
import { PeerOutput } from "../../lib/server/peer/peer_output.ts";
import type { Transport } from "../../lib/transport/transport.ts";
import { toBytes } from "../../lib/wire/text.ts";
import type { Waiter } from "../../lib/server/peer/outstanding_requests.ts";
import { withSeed } from "../support/random.ts";
import { MessageReader } from "../support/message.ts";
import { READ } from "../support/test_turns.ts";

/** A message that was queued: its text, when its time is over, and whether it is gone. */
interface Queued {
  readonly text: string;
  readonly due: number;
  gone: boolean;
}

const waiter: Waiter = { messageGone: () => {}, late: () => waiter };

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
            output.sendTo(transport, { eventDue: 0 });
            break;
          default:
            output.dropDue(step, step, (path) => {
              const message = queued.find(({ text }) => text === `${path}\0t\0`)!;
              assert(!message.gone && message.due <= step);
              message.gone = true;
              dropped++;
            });
        }
      }
      room = Infinity;
      output.sendTo(transport, { eventDue: 0 });
      assertEquals(output.length, 0);
      assertEquals(output.hasExpiring, false);
      const reader = new MessageReader();
      const messages = reader.push(new Uint8Array(sent));
      assert(!reader.isWithin);
      const wanted = queued.filter(({ gone }) => !gone).map(({ text }) => text);
      assertEquals(messages.map(({ text }) => text), wanted);
    }
    assert(dropped > 500, `only ${dropped} events were dropped`);
  });
});

/** What is queued, as a list of messages and the number of bytes sent of the first. */
class Model {
  readonly messages: { readonly text: string; readonly size: number; due: number }[] = [];
  sent = 0;

  send(count: number): void {
    this.sent += count;
    while (this.messages.length > 0 && this.messages[0]!.size <= this.sent) {
      this.sent -= this.messages.shift()!.size;
    }
  }

  drop(now: number): void {
    const begun = this.sent > 0 ? this.messages[0] : undefined;
    const kept = this.messages.filter((message) => message === begun || message.due > now);
    this.messages.splice(0, Infinity, ...kept);
  }
}

Deno.test("Repetitions, and what is owed, are as a list of the messages tells, in however many chunks", () => {
  withSeed((random) => {
    let repeated = 0, most = 0;
    // Each size of queue, of message and of what the client takes meets each other.
    for (let round = 0; round < 27; round++) {
      const output = new PeerOutput();
      const model = new Model();
      const names = [10, 100, 1_000][round % 3]!;
      const longest = [10, 100, 2_000][Math.floor(round / 3) % 3]!;
      const taken = [20, 300, 3_000][Math.floor(round / 9)]!;
      let room = 0;
      const transport = {
        write: (_from: Uint8Array, at: number, end: number): number => {
          const count = Math.min(room, end - at);
          room -= count;
          model.send(count);
          return count;
        },
      } as unknown as Transport;
      for (let step = 0; step < 1_500; step++) {
        const dice = random.below(100);
        if (dice < 70) {
          const name = random.below(names);
          // As long as its name wants, so that the same name is the same event.
          const path = `/${name}/`.padEnd(1 + (name * 7919) % longest, "x");
          const token = name % 3 === 0 ? "" : "t\xe9".padEnd(name % 90, "\xff");
          const text = `${path}\0${token}\0`;
          const repeats = model.messages.some((message) => message.text === text);
          assertEquals(output.repeats(path, token), repeats, text);
          if (repeats) {
            repeated++;
            continue;
          }
          const due = step + random.below(4_000);
          output.addEvent(path, token, null, due);
          model.messages.push({ text, size: 16 + text.length, due });
        } else if (dice < 80) {
          const text = "r".repeat(random.below(200));
          output.addReply(READ, 1, 0, toBytes(text), waiter);
          model.messages.push({ text, size: 16 + text.length, due: Infinity });
        } else if (dice < 99) {
          room = random.below(taken);
          output.sendTo(transport, { eventDue: 0 });
        } else {
          output.dropDue(step, step, () => {});
          model.drop(step);
        }
        const length = model.messages.reduce((sum, { size }) => sum + size, -model.sent);
        assertEquals(output.length, length);
        most = Math.max(most, length);
      }
      const partial = model.sent > 0 ? model.messages[0]!.size - model.sent : 0;
      assertEquals(output.partial, partial);
      const messages = new MessageReader().push(output.last(output.length).subarray(partial));
      const whole = model.messages.slice(partial > 0 ? 1 : 0);
      assertEquals(messages.map(({ text }) => text), whole.map(({ text }) => text));
    }
    assert(repeated > 500 && most > 3 * OUTPUT_CHUNK_BYTES, `${repeated} repeated, ${most} bytes`);
  });
});
