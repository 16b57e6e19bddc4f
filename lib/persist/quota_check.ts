import { QUOTAS, Quotas } from "../engine/quotas.ts";
import type { State } from "../engine/state.ts";
import { type CheckedRecords, RecordError } from "../state/checked_records.ts";
import { DOMID_ANY } from "../store/perms.ts";
import { setQuotas } from "./domain_records.ts";

/**
 * Fails for records that would put a domain over its quotas. In a living `state` domains keep the quotas
 * that they have; elsewhere they are the records' own, where these tell any.
 *
 * @throws {RecordError}
 */
export function checkQuotas(all: CheckedRecords, state: State | null): void {
  const [first, ...more] = overQuota(all, state);
  if (first === undefined) return;
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
  throw new RecordError(`${first}${others}: raise the quota, or restore with --over-quota`);
}

/** The domains that would own more than their quotas allow, a line each. */
function overQuota(all: CheckedRecords, state: State | null): string[] {
  const global = new Quotas(state?.domains.quotas);
  if (all.quota !== null) setQuotas(global, all.quota.domain);
  const lines: string[] = [];
  for (const [domid, { biggest, memory, nodes, perms }] of all.owned) {
    if (domid === (state?.privDomid ?? 0) || domid === DOMID_ANY) continue;
    const quotas = new Quotas(state?.domains.get(domid)?.quotas ?? global);
    const own = all.domains.get(domid)?.quotas ?? null;
    if (state === null && own !== null) setQuotas(quotas, own);
    const wanted = { nodes, memory, "node-size": biggest, "node-permissions": perms } as const;
    for (const { name } of QUOTAS) {
      const value = wanted[name as keyof typeof wanted] ?? 0;
      if (!quotas.exceeded(name, value)) continue;
      lines.push(`domain ${domid} would have ${name} ${value}, its quota is ${quotas.get(name)}`);
    }
  }
  return lines;
}
