/** To its client a held socket is like any other: the tables of behaviour, once more. */
import { runScenario } from "../support/conformance/run.ts";
import { SCENARIOS } from "../support/conformance/scenarios.ts";
import { SocketWorld } from "../support/worlds/socket_world.ts";
import { startHeldServer } from "./held_server.ts";

for (const scenario of SCENARIOS) {
  Deno.test(`held socket: ${scenario.name}`, async () => {
    await using world = await SocketWorld.start(startHeldServer());
    await runScenario(world, scenario);
  });
}
