/** The states of xenbus's two ends (xen/include/public/io/xenbus.h), by their numbers. */
const STATES = [
  "Unknown",
  "Initialising",
  "InitWait",
  "Initialised",
  "Connected",
  "Closing",
  "Closed",
  "Reconfiguring",
  "Reconfigured",
] as const;

/** A device's two ends: `.../device/vif/0/state`, `.../backend/vif/5/0/state`, also relative. */
const STATE_NODE = /(?:^|\/)(?:device|backend)\/[^/]+\/(?:[^/]+\/)?[^/]+\/state$/;

/** What the value of a node means that is the state of a xenbus device; null for any other. */
export function xenbusState(path: string, value: string): string | null {
  if (!STATE_NODE.test(path) || !/^\d$/.test(value)) return null;
  return STATES[Number(value)] ?? null;
}
