/** What the rows of a keyframe of large values leave outside of the heap: run by keyframe_garbage_test.ts, which gives the flags. */
import { toBytes } from "../../lib/wire/text.ts";
import type { NodeState } from "../../lib/history/record.ts";
import { beginHistory, guest, Writer } from "./support.ts";

const NODES = 2_560;

/** Values of the usual largest size, which compress very well, or not at all. */
const VALUES: Readonly<Record<string, readonly Uint8Array[]>> = {
  compressible: [toBytes("v".repeat(2_000))],
  incompressible: Array.from({ length: 64 }, () => crypto.getRandomValues(new Uint8Array(2_000))),
};

function* nodesOf(values: readonly Uint8Array[]): Generator<readonly [string, NodeState]> {
  for (let i = 0; i < NODES; i++) {
    yield [`/n/${100_000 + i}`, { value: values[i % values.length]!, perms: [0] }];
  }
}

/** Bytes of each row. */
function garbageOf(values: readonly Uint8Array[]): number {
  const history = beginHistory(), writer = new Writer();
  history.add([writer.commit(1, guest(1), { "/a": "1" })]);
  history.beginKeyframe(2, nodesOf(values));
  history.stepKeyframe();
  const before = Deno.memoryUsage().external;
  let rows = 0;
  while (history.stepKeyframe()) rows++;
  const bytes = (Deno.memoryUsage().external - before) / rows;
  history.close();
  return bytes;
}

console.log(JSON.stringify(
  Object.fromEntries(Object.entries(VALUES).map(([name, values]) => [name, garbageOf(values)])),
));
