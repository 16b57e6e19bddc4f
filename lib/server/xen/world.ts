import type { Clock } from "../../clock.ts";
import type { HostedDomains } from "../domains/hosted_domains.ts";
import type { Log } from "../logging/log.ts";
import { NoDomains } from "../domains/no_domains.ts";
import { type DomidChoice, isXenHost, openXenHost } from "./host.ts";
import { XenDomains } from "./xen_domains.ts";

/** Whether to serve a Xen host's domains: `auto` if this is one. */
export const XEN_CHOICES = ["auto", "yes", "no"] as const;

export type XenChoice = (typeof XEN_CHOICES)[number];

/** The domains to serve, and the two of them that are special. */
export interface DomainWorld {
  readonly domains: HostedDomains;
  readonly privDomid: number;
  readonly storeDomid: number;
}

/**
 * The world of domains that a daemon on this machine serves. `eventsFd` is the event-channel
 * device of the process that was here before, or -1.
 *
 * @throws {XenError} on a Xen host, or where one is asked for, of which something is missing.
 */
export function findDomainWorld(
  xen: XenChoice,
  choice: DomidChoice,
  log: Log,
  clock: Clock,
  eventsFd = -1,
): DomainWorld {
  if (xen === "yes" || (xen === "auto" && isXenHost())) {
    const host = openXenHost(choice, eventsFd);
    const { privDomid, storeDomid } = host;
    return { domains: new XenDomains(host, log, clock), privDomid, storeDomid };
  }
  // Nothing else is there to be special.
  return { domains: new NoDomains(log), privDomid: 0, storeDomid: 0 };
}
