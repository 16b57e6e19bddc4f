import { domainOf } from "../state/bare_records.ts";
import type { Domain } from "../state/records.ts";

/** What a format says of a domain, here and there. */
export type DomainFacts = Partial<Omit<Domain, "kind" | "domid">>;

/** Domains of which a format tells piece by piece: each is known when all is read. */
export class DomainTable {
  readonly #domains = new Map<number, Domain>();

  get(domid: number): Domain {
    return this.#domains.get(domid) ?? domainOf(domid);
  }

  tell(domid: number, facts: DomainFacts): void {
    this.#domains.set(domid, { ...this.get(domid), ...facts });
  }

  /** What a record of its own says: domains come in the order of these. */
  tellOwn(domid: number, facts: DomainFacts): void {
    const domain = { ...this.get(domid), ...facts };
    this.#domains.delete(domid);
    this.#domains.set(domid, domain);
  }

  /** What a ring's connection says, which counts only where the domain's own record does not say it. */
  tellRing(domid: number, target: number | null, uniqueId: bigint | null): void {
    const hasOwnRecord = this.get(domid).introduced !== null;
    this.tell(domid, hasOwnRecord ? { hasRing: true } : { hasRing: true, target, uniqueId });
  }

  /** All that were told of. */
  all(): IterableIterator<Domain> {
    return this.#domains.values();
  }
}
