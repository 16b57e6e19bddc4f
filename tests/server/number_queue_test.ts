import { assertEquals } from "@std/assert";
import { NumberQueue } from "../../lib/server/peer/number_queue.ts";
import { withSeed } from "../support/random.ts";

Deno.test("number queue: it has what a list has, in order, as it grows and empties", () => {
  withSeed((random) => {
    const queue = new NumberQueue();
    let model: number[] = [];
    for (let step = 0; step < 20_000; step++) {
      const most = random.pick([3, 40, 900]);
      if (random.chance(0.5)) {
        for (let i = random.below(most); i > 0; i--) {
          const number = random.pick([-1, Infinity, random.below(2 ** 31), 2 ** 52 + step]);
          queue.push(number);
          model.push(number);
        }
      } else if (random.chance(0.02)) {
        queue.clear();
        model = [];
      } else {
        const gone = random.below(Math.min(model.length, most) + 1);
        queue.shift(gone);
        model.splice(0, gone);
      }
      assertEquals(queue.length, model.length);
      if (model.length === 0) continue;
      const at = random.below(model.length);
      assertEquals(queue.at(at), model[at]);
      if (random.chance(0.1)) queue.set(at, model[at] = step);
      if (step % 500 === 0) assertEquals(model.map((_, i) => queue.at(i)), model);
    }
  });
});
