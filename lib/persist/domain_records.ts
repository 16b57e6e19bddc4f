import type { Domain } from "../engine/domains.ts";
import { quotaName, QUOTAS, type Quotas } from "../engine/quotas.ts";
import type * as records from "../state/records.ts";

/** What of the engine's domains and quotas outlives a process, as records and back. */

function quotaValues(quotas: Quotas): Map<string, number> {
  return new Map(QUOTAS.map(({ name }) => [name, quotas.get(name)]));
}

/** The quotas of domains that are yet to become known. */
export function quotaRecord(quotas: Quotas): records.Quota {
  return { kind: "quota", domain: quotaValues(quotas), global: new Map() };
}

/** All of a domain that outlives a process. */
export function domainRecord(domain: Domain): records.Domain {
  const { connection, domid, features, introduced, port, quotas, shutdownSeen, target, uniqueId } =
    domain;
  return {
    kind: "domain",
    domid,
    uniqueId,
    introduced,
    shutdownSeen,
    target,
    features,
    quotas: quotaValues(quotas),
    port,
    gfn: 0n,
    hasRing: connection !== null,
  };
}

/**
 * Gives a domain what its record tells. Features of 0 count where the source tells them always, as a journal
 * does: of a stream with none it is not known whether they are missing.
 */
export function loadDomain(domain: Domain, record: records.Domain, tellsFeatures: boolean): void {
  const { features, port, quotas, shutdownSeen, target } = record;
  domain.shutdownSeen = shutdownSeen;
  domain.target = target;
  domain.port = port ?? 0;
  if (features !== 0 || tellsFeatures) domain.features = features;
  if (quotas !== null) setQuotas(domain.quotas, quotas);
}

/** Gives quotas their values; names that this version does not know are left out. */
export function setQuotas(of: Quotas, values: ReadonlyMap<string, number>): void {
  for (const [text, value] of values) {
    const name = quotaName(text);
    if (name !== null) of.set(name, value);
  }
}
