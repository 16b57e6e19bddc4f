/** The conformance tables against `xs serve` in a process of its own, on a simulated Xen host. */
import { runScenario } from "../support/conformance/run.ts";
import { SCENARIOS } from "../support/conformance/scenarios.ts";
import { startDaemon } from "../support/daemon.ts";
import { testUnless } from "../support/skip.ts";
import {
  type ListLibrary,
  SimulatedHost,
  simulationMissing,
} from "../support/simulation/simulated_host.ts";
import { hasGuests, SimulatedWorld } from "../support/worlds/simulated_world.ts";

const missing = simulationMissing();

async function makeWorld(list: ListLibrary): Promise<SimulatedWorld> {
  const host = await SimulatedHost.make();
  try {
    const daemon = await startDaemon({ socket: host.socketPath, env: host.env(list) });
    return new SimulatedWorld(`simulated, ${list}`, host, daemon);
  } catch (error) {
    await host[Symbol.asyncDispose]();
    throw error;
  }
}

for (const [i, scenario] of SCENARIOS.filter(hasGuests).entries()) {
  // Each library gets half of the scenarios: domain_life_test.ts has both.
  const list = i % 2 === 0 ? "libxenctrl" : "libxenmanage";
  testUnless(missing, `simulated, ${list}: ${scenario.name}`, async () => {
    await using world = await makeWorld(list);
    await runScenario(world, scenario);
  });
}
