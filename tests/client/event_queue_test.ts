/** Events that wait for `xs watch`: their number is bounded, and another one stands for each that is left out. */
import { assert, assertEquals } from "@std/assert";
import { EventQueue, type QueuedEvent } from "../../lib/client/event_queue.ts";
import type { Operations } from "../../lib/client/operations.ts";
import { watchTool } from "../../lib/client/tools/watch.ts";
import { EVENTS_UNPRINTED_MAX } from "../../lib/limits.ts";
import { Random, roundsOf } from "../support/random.ts";

const MOST = 8;
const atNode = ({ token }: QueuedEvent): QueuedEvent => ({ path: token, token });

Deno.test("event queue: each event comes, or a later one of its path, or of the watched node", () => {
  for (const { seed } of roundsOf(1, 200)) {
    const random = new Random(seed), queue = new EventQueue<QueuedEvent>(MOST);
    /** Paths with an event for which no taken event stands yet. */
    const pending = new Set<string>();
    for (let step = 0; step < 500; step++) {
      if (random.chance(0.6)) {
        const token = random.pick(["/a", "/b"]), path = `${token}/${random.below(30)}`;
        queue.push({ path, token }, atNode);
        pending.add(path);
      } else {
        const taken = queue.shift();
        assertEquals(taken === undefined, pending.size === 0 && queue.length === 0);
        if (taken === undefined) continue;
        for (const path of pending) {
          const isTold = path === taken.path || taken.path === path.slice(0, 2);
          if (isTold) pending.delete(path);
        }
      }
      assert(queue.length <= MOST + 2, `${queue.length} wait`);
    }
    for (let taken = queue.shift(); taken !== undefined; taken = queue.shift()) {
      for (const path of pending) {
        if (path === taken.path || taken.path === path.slice(0, 2)) pending.delete(path);
      }
    }
    assertEquals([...pending], [], `seed ${seed}`);
  }
});

Deno.test("event queue: while there is room, all come in order", () => {
  const queue = new EventQueue<QueuedEvent>(MOST), paths = ["/a", "/b", "/a", "@releaseDomain"];
  for (let round = 0; round < 100; round++) {
    for (const path of paths) queue.push({ path, token: "t" }, atNode);
    assertEquals(paths.map(() => queue.shift()?.path), paths);
    assertEquals([queue.shift(), queue.length], [undefined, 0]);
  }
});

Deno.test("watch: what comes before all watches are set waits in bounded memory", async () => {
  type Sink = { event(path: string, token: string): void; end(error: null): void };
  let sink: Sink | null = null;
  const nodes = {
    session: { listen: (one: Sink) => void (sink = one), unlisten: () => {} },
    watch: () => {
      for (let i = 0; i < 100_000; i++) sink!.event(`/w/${i}`, "/w");
      return Promise.resolve();
    },
  };
  const shown: string[] = [];
  const onReady = (): void => queueMicrotask(() => sink!.end(null));
  const options = { number: -1, onReady };
  const show = (path: string): void => void shown.push(path);
  await watchTool(nodes as unknown as Operations, show, ["/w"], options);
  assertEquals([shown.length, shown[0], shown.at(-1)], [EVENTS_UNPRINTED_MAX + 1, "/w/0", "/w"]);
});
