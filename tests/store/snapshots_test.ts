/** What open snapshots keep in memory is told exactly, and each holder hears of a request once. */
import { assertEquals } from "@std/assert";
import { newNode } from "../../lib/store/node.ts";
import { type Snapshot, Snapshots } from "../../lib/store/snapshots.ts";
import { withSeeds } from "../support/random.ts";

class Holder {
  bytes = 0;
  told = 0;
  pin(bytes: number): void {
    this.bytes += bytes;
    this.told++;
  }
}

const root = newNode("", 0, 0, [0]);

Deno.test("snapshots: each holder is told of all that was replaced, however many are open", () => {
  withSeeds((random) => {
    const snapshots = new Snapshots();
    const open: { snapshot: Snapshot; holder: Holder; bytes: number }[] = [];
    let epoch = 0;
    for (let step = 0; step < 2_000; step++) {
      const dice = random.next();
      if (dice < 0.2) {
        const holder = new Holder();
        open.push({ snapshot: snapshots.add(++epoch, root, holder), holder, bytes: 0 });
      } else if (dice < 0.35 && open.length > 0) {
        const [{ bytes, holder, snapshot }] = open.splice(random.below(open.length), 1) as [
          typeof open[0],
        ];
        snapshots.drop(snapshot);
        assertEquals(holder.bytes, bytes);
      } else if (dice < 0.9) {
        const [of, bytes] = [1 + random.below(epoch + 1), 1 + random.below(1_000)];
        snapshots.replaced(of, bytes);
        for (const one of open) if (one.snapshot.epoch >= of) one.bytes += bytes;
      } else {
        snapshots.takeGrown();
        for (const { bytes, holder } of open) assertEquals(holder.bytes, bytes);
      }
    }
  });
});

Deno.test("snapshots: a request that replaces a thousand nodes tells each of many holders once", () => {
  const snapshots = new Snapshots();
  const holders = Array.from({ length: 300 }, () => new Holder());
  for (const [i, holder] of holders.entries()) snapshots.add(1_000 + i, root, holder);
  for (let epoch = 0; epoch < 1_000; epoch++) snapshots.replaced(epoch, 300);
  assertEquals(snapshots.takeGrown(), true);
  for (const { bytes, told } of holders) assertEquals([bytes, told], [300_000, 1]);
});
