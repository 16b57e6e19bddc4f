import type { Engine } from "../engine/engine.ts";
import type { Journal } from "../journal/journal.ts";
import type { HostedDomains } from "./hosted_domains.ts";
import type { Log } from "./log.ts";

/** Goes on where the last life of the daemon ended, if it left anything, and begins to record. */
export function takeUp(
  engine: Engine,
  domains: HostedDomains,
  journal: Journal,
  log: Log,
): void {
  const { state } = engine;
  const started = performance.now();
  const revival = journal.recover(state);
  journal.begin({ state, rings: () => domains.rings() });
  if (revival !== null) {
    for (const domain of revival.dead) state.buryDomain(domain);
    const nodes = state.accounts.total("nodes");
    const ms = Math.ceil(performance.now() - started);
    const dead = revival.dead.length;
    log("info", `recovered ${nodes} nodes, ${revival.rings} rings, ${dead} deaths in ${ms} ms`);
  }
  domains.connectExisting();
  if (revival !== null) engine.domainsChanged();
}
