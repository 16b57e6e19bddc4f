import type { MemoryDomains } from "../../../lib/server/domains/memory_domains.ts";
import type { DomainChange } from "./world.ts";

/** Makes the change that a table wants in a hypervisor in memory. */
export function changeDomain(domains: MemoryDomains, domid: number, change: DomainChange): void {
  switch (change) {
    case "create":
    case "replace":
      return domains.create(domid);
    case "shutdown":
      return domains.shutDown(domid);
    case "dying":
      return domains.startDying(domid);
    case "dead":
      return domains.die(domid);
    case "gone":
      return domains.remove(domid);
  }
}
