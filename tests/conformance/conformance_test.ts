import { EngineWorld } from "../support/worlds/engine_world.ts";
import { RingWorld } from "../support/worlds/ring_world.ts";
import { runScenario } from "../support/conformance/run.ts";
import { SCENARIOS } from "../support/conformance/scenarios.ts";
import { SocketWorld } from "../support/worlds/socket_world.ts";
import type { Need } from "../support/conformance/table.ts";
import type { World } from "../support/worlds/world.ts";

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
