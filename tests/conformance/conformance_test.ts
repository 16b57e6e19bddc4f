import { EngineWorld } from "./engine_world.ts";
import { RingWorld } from "./ring_world.ts";
import { runScenario } from "./run.ts";
import { SCENARIOS } from "./scenarios.ts";
import { SocketWorld } from "./socket_world.ts";
import type { Need } from "./table.ts";
import type { World } from "./world.ts";

interface Backend {
  readonly name: string;
  readonly has: readonly Need[];
  readonly make: () => Promise<World>;
}

const BACKENDS: readonly Backend[] = [
  { name: "engine", has: [], make: () => Promise.resolve(new EngineWorld()) },
  { name: "socket", has: ["bytes", "rings", "sockets"], make: () => SocketWorld.start() },
  { name: "ring", has: ["bytes", "rings"], make: () => Promise.resolve(new RingWorld()) },
];

for (const { name, has, make } of BACKENDS) {
  for (const scenario of SCENARIOS) {
    if (scenario.needs !== undefined && !has.includes(scenario.needs)) continue;
    Deno.test(`${name}: ${scenario.name}`, async () => {
      await using world = await make();
      await runScenario(world, scenario);
    });
  }
}
