import { ERASE_UNITS_PER_TURN } from "../limits.ts";
import { DOMAIN_SHUTDOWN, isAlive } from "./domain_control.ts";
import type { Domain } from "./domains.ts";
import { RELEASE_DOMAIN, type State } from "./state.ts";

/** The domains that the hypervisor says have changed: all of them when it cannot say which. */
export function changedDomains({ control, domains }: State): Domain[] {
  if (control.changed === undefined) return [...domains.all()];
  const changed: Domain[] = [];
  for (const domid of control.changed()) {
    const domain = domains.get(domid);
    if (domain !== undefined) changed.push(domain);
  }
  return changed;
}

/** Lets those of `domains` die that are gone, and announces those that have newly shut down. */
export function settleDeaths(state: State, domains: readonly Domain[]): void {
  const shutdown: number[] = [];
  for (const domain of domains) {
    if (domain.domid === state.privDomid || domain.domid === state.storeDomid) continue;
    if (isGone(state, domain)) state.beginRelease(domain, "destroyed");
    else if (isNewlyShutdown(state, domain)) {
      state.tellOfDomain(domain.domid, "shut down");
      shutdown.push(domain.domid);
    }
  }
  state.erasures.step(ERASE_UNITS_PER_TURN);
  for (const domid of shutdown) state.announceOne(RELEASE_DOMAIN, domid);
  if (shutdown.length > 0) state.announceBatch(RELEASE_DOMAIN);
}

function isGone({ control }: State, domain: Domain): boolean {
  const info = control.info(domain.domid);
  return !isAlive(info) || info.uniqueId !== domain.uniqueId;
}

function isNewlyShutdown({ control, domains }: State, domain: Domain): boolean {
  const info = control.info(domain.domid);
  const isShutdown = info !== null && (info.state & DOMAIN_SHUTDOWN) !== 0;
  if (!domain.introduced || domain.shutdownSeen || !isShutdown) return false;
  domain.shutdownSeen = true;
  domains.changed(domain);
  return true;
}
