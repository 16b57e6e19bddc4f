/** What a queued event takes is what is charged for it, whatever its length. */
import { assert } from "@std/assert";
import v8 from "node:v8";
import vm from "node:vm";
import { Connection } from "../../lib/engine/connection.ts";
import { EVENT_RECORD_BYTES } from "../../lib/limits.ts";
import { OutstandingRequests } from "../../lib/server/peer/outstanding_requests.ts";
import { PeerOutput } from "../../lib/server/peer/peer_output.ts";

v8.setFlagsFromString("--expose-gc");
const collect = vm.runInNewContext("gc") as () => void;

/** Bytes of the heap, and outside of it, that stay in use. */
function inUse(): [heap: number, external: number] {
  collect();
  collect();
  const { external, heapUsed } = Deno.memoryUsage();
  return [heapUsed, external];
}

const EVENTS = 40_000;
const OUTPUTS = 8;

for (const length of [8, 100, 2_000]) {
  for (const isCaused of [false, true]) {
    const whose = isCaused ? "that a guest has caused" : "of a guest's own ring";
    Deno.test(`An event ${whose} with a path of ${length} takes what is charged for it`, () => {
      const outbox = { reply: () => {}, event: () => {} };
      const spec = { kind: "ring", domid: 1, label: "domain 1", outbox } as const;
      const guest = new OutstandingRequests(new Connection(1, false, "", spec), () => {});
      const events = Math.min(EVENTS, 20_000_000 / length);
      const outputs = Array.from({ length: OUTPUTS }, () => new PeerOutput());
      const [heap, external] = inUse();
      let bytes = 0;
      for (const [i, output] of outputs.entries()) {
        for (let j = 0; j < events / OUTPUTS; j++) {
          const path = `/${i}/${j}`.padEnd(length, "x");
          if (isCaused) guest.begin();
          output.addEvent(path, "t", isCaused ? guest : null, 20_000.5);
          if (isCaused) guest.replied();
        }
        bytes += output.length;
      }
      const [heapNow, externalNow] = inUse();
      const taken = heapNow - heap + externalNow - external;
      const charged = bytes + events * EVENT_RECORD_BYTES;
      assert(taken < charged && taken > charged / 2, `${taken} bytes taken, ${charged} charged`);
      // They are all still there.
      assert(outputs.every(({ length }) => length > 0));
    });
  }
}
