import { assert, assertEquals } from "@std/assert";
import { MessageEncoder } from "../../lib/server/peer/message_encoder.ts";
import { RepeatedEvents } from "../../lib/server/peer/repeated_events.ts";
import { EVENTS_COMPARED_MAX, OUTPUT_CHUNK_BYTES } from "../../lib/limits.ts";

const LONG = "/long".repeat(380);

/** The events of a client, and how often their bytes were copied to be hashed. */
class Queue {
  readonly bytes = new MessageEncoder();
  copies = 0;
  readonly events = new RepeatedEvents({
    isEvent: (end, path, token) => this.bytes.isEvent(end, path, token),
    copy: (at, length, into) => {
      this.copies++;
      this.bytes.copy(at, length, into);
    },
  });

  add(path: string): void {
    assert(!this.events.has(path, "t"), path);
    this.bytes.addEvent(path, "t");
    this.events.add(path, "t", this.bytes.added);
  }
}

Deno.test("repeated events: the first ones are found by their bytes when there are many", () => {
  for (const top of ["/short", LONG]) {
    const queue = new Queue(), paths = Array.from({ length: 200 }, (_, i) => `${top}/${i}`);
    for (const path of paths) queue.add(path);
    for (const path of paths) assert(queue.events.has(path, "t"), path);
    assert(!queue.events.has(`${top}/200`, "t"));
  }
});

Deno.test("repeated events: only the few that were compared before are read once more, each in one piece", () => {
  const queue = new Queue();
  for (let i = 0; i < 200; i++) queue.add(`${LONG}/${i}`);
  assertEquals(queue.copies, EVENTS_COMPARED_MAX + 1);
});

Deno.test("repeated events: their bytes are read from every chunk", () => {
  const bytes = new MessageEncoder(), ends: number[] = [];
  const paths = Array.from(
    { length: 3 * OUTPUT_CHUNK_BYTES / LONG.length },
    (_, i) => `${LONG}/${i}`,
  );
  for (const path of paths) {
    bytes.addEvent(path, "t");
    ends.push(bytes.added);
  }
  for (const [i, path] of paths.entries()) {
    const payload = `${path}\0t\0`, into = new Uint8Array(payload.length);
    bytes.copy(ends[i]! - payload.length, payload.length, into);
    assertEquals(String.fromCharCode(...into), payload);
  }
});
