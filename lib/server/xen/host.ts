import { ControlledDomains } from "../../../ffi/xen/ctrl.ts";
import { CAP_CONTROL, CAP_XENSTORE, type DomainList } from "../../../ffi/xen/domain_list.ts";
import { EventChannels, VIRQ_DOM_EXC } from "../../../ffi/xen/evtchn.ts";
import { GrantTable } from "../../../ffi/xen/gnttab.ts";
import { overrideOf, XenError } from "../../../ffi/xen/library.ts";
import { ManagedDomains } from "../../../ffi/xen/manage.ts";
import { errorText } from "../../../ffi/libc.ts";
import { statOf } from "../../files.ts";
import { GRANTS_MAX } from "../../limits.ts";
import { kernelPagePath } from "./kernel_ring.ts";

/** Which domains have a part to play, and where; what is not told is found out. */
export interface DomidChoice {
  /** The domain with all rights. */
  readonly privDomid?: number;
  /** The domain that this daemon runs in. */
  readonly storeDomid?: number;
  /** The port of that domain's own ring. */
  readonly eventPort?: number;
}

/** What the daemon needs of a Xen host, opened. */
export interface XenHost {
  readonly events: EventChannels;
  readonly grants: GrantTable;
  readonly list: DomainList;
  /** Our port of VIRQ_DOM_EXC. */
  readonly virqPort: number;
  readonly privDomid: number;
  readonly storeDomid: number;
  /** The domains that are there already. */
  readonly existing: readonly number[];
  /** The port of the store domain's own ring; null where its kernel tells. */
  readonly eventPort: number | null;
}

/** The device without which there are no event channels. */
const EVTCHN_DEVICE = "/dev/xen/evtchn";

/** Whether this machine is a Xen host's control domain, or tests stand in for one. */
export function isXenHost(): boolean {
  if (overrideOf("libxenevtchn.so") !== undefined) return true;
  // Guests have the device too; the kernel's ring is only shown where a daemon may serve it.
  return [EVTCHN_DEVICE, kernelPagePath()].every((path) => statOf(path) !== null);
}

/**
 * Opens Xen's devices and asks for the domains. `eventsFd` is the event-channel device of the
 * process that was here before, or -1.
 *
 * @throws {XenError} saying what is missing.
 */
export function openXenHost(choice: DomidChoice, eventsFd = -1): XenHost {
  const events = new EventChannels(eventsFd);
  const grants = new GrantTable(GRANTS_MAX);
  const list = openDomainList();
  // Only who has it bound may ask which domains changed.
  const virqPort = bindDomainEvents(events);
  const existing = list.changed();
  const eventPort = choice.eventPort ?? null;
  const domids = chooseDomids(choice, list, existing);
  return { events, grants, list, virqPort, existing, eventPort, ...domids };
}

/** Binds VIRQ_DOM_EXC. Returns our port. @throws {XenError} when another process has it */
export function bindDomainEvents(events: EventChannels): number {
  const port = events.bindVirq(VIRQ_DOM_EXC);
  if (port >= 0) return port;
  throw new XenError(
    `cannot bind VIRQ_DOM_EXC: ${errorText(-port)}; is another Xenstore daemon running?`,
  );
}

/** libxenmanage where there is one, else libxenctrl. */
function openDomainList(): DomainList {
  try {
    return new ManagedDomains();
  } catch (managed) {
    if (!(managed instanceof XenError)) throw managed;
    try {
      return ControlledDomains.open();
    } catch (controlled) {
      if (!(controlled instanceof XenError)) throw controlled;
      throw new XenError(`cannot list domains: ${managed.message}; ${controlled.message}`);
    }
  }
}

/** By capability, each falling back to the other: the privileged one first, the store's last. */
function chooseDomids(
  choice: DomidChoice,
  list: DomainList,
  existing: readonly number[],
): { privDomid: number; storeDomid: number } {
  let priv = choice.privDomid;
  let store = choice.storeDomid;
  if (priv === undefined || store === undefined) {
    const withCap = (cap: number): number[] =>
      existing.filter((domid) => ((list.info(domid)?.caps ?? 0) & cap) !== 0);
    priv ??= withCap(CAP_CONTROL)[0];
    store ??= withCap(CAP_XENSTORE).at(-1);
  }
  // Xen before 4.21 doesn't tell who has control: it is domain 0.
  return { privDomid: priv ?? store ?? 0, storeDomid: store ?? priv ?? 0 };
}
