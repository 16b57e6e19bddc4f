/**
 * The tables against Debian's own daemons on the same stand-in: what shows that the simulated
 * host is like a real one, and that the tables ask for what C does.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runScenario } from "../support/conformance/run.ts";
import { SCENARIOS } from "../support/conformance/scenarios.ts";
import type { Scenario } from "../support/conformance/table.ts";
import { testUnless } from "../support/skip.ts";
import { C_DIFFERENCES, OXENSTORED_AGREES } from "./reference_differences.ts";
import {
  type ReferenceKind,
  simulatedReferenceMissing,
  startSimulatedReference,
} from "../support/reference/simulated.ts";
import { SimulatedHost } from "../support/simulation/simulated_host.ts";
import { hasGuests, SimulatedWorld } from "../support/worlds/simulated_world.ts";

const missing = await simulatedReferenceMissing();

async function makeWorld(kind: ReferenceKind, patienceMs?: number): Promise<SimulatedWorld> {
  const host = await SimulatedHost.make();
  try {
    return new SimulatedWorld(kind, host, await startSimulatedReference(kind, host), patienceMs);
  } catch (error) {
    await host[Symbol.asyncDispose]();
    throw error;
  }
}

async function outcome(
  kind: ReferenceKind,
  scenario: Scenario,
  patienceMs?: number,
): Promise<string | null> {
  await using world = await makeWorld(kind, patienceMs);
  return await runScenario(world, scenario).then(() => null, String);
}

/** Half a header on a socket freezes C xenstored for good: that is not waited for. */
const FREEZES_C = "half a header delays nobody";

const scenarios = SCENARIOS.filter(hasGuests);

for (const scenario of scenarios.filter(({ name }) => name !== FREEZES_C)) {
  const difference = C_DIFFERENCES.find(({ scenarios }) => scenarios.includes(scenario.name));
  if (difference === undefined) {
    testUnless(missing, `C xenstored, simulated: ${scenario.name}`, async () => {
      assertEquals(await outcome("c", scenario), null);
    });
  } else {
    testUnless(missing, `C xenstored, simulated, differs: ${scenario.name}`, async () => {
      // An answer that never comes is not waited for as long as one that does.
      const patienceMs = difference.shows === "no reply" ? 5_000 : undefined;
      const report = await outcome("c", scenario, patienceMs);
      assert(report !== null, `it agrees now: take it from the list "${difference.why}"`);
      assertStringIncludes(report, difference.shows, difference.why);
    });
  }
}

for (const scenario of scenarios) {
  if (!OXENSTORED_AGREES.includes(scenario.name)) continue;
  testUnless(missing, `oxenstored, simulated: ${scenario.name}`, async () => {
    assertEquals(await outcome("o", scenario), null);
  });
}

Deno.test("the lists of differences name scenarios that there are", () => {
  const names = new Set(scenarios.map(({ name }) => name));
  const listed = [...C_DIFFERENCES.flatMap(({ scenarios }) => scenarios), ...OXENSTORED_AGREES];
  assertEquals(listed.filter((name) => !names.has(name)), []);
});
