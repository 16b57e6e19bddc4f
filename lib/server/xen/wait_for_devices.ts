import { overrideOf } from "../../../ffi/xen/library.ts";
import { type Clock, sleep } from "../../clock.ts";
import { statOf, textOf } from "../../files.ts";
import { DEVICES_LOOK_MS, DEVICES_WAIT_MS } from "../../limits.ts";
import type { Log } from "../logging/log.ts";
import { notifyStatus } from "../process/notify.ts";
import { kernelPagePath } from "./kernel_ring.ts";

/** What a daemon of a host opens; a module that is loaded late makes each. */
const DEVICES = ["/dev/xen/evtchn", "/dev/xen/gntdev", "/dev/xen/privcmd"] as const;

const HYPERVISOR = "/sys/hypervisor/type";

/** Looks at files; tests bring their own. */
export interface DeviceProbe {
  exists(path: string): boolean;
  /** A small file's text; empty where there is none. */
  text(path: string): string;
  /** Where what is waited for is reported, besides the log. */
  status(text: string, log: Log): void;
}

const systemProbe: DeviceProbe = {
  exists: (path) => statOf(path) !== null,
  text: (path) => textOf(path) ?? "",
  status: notifyStatus,
};

/**
 * Waits for Xen's devices for a bounded time, and says what for. Nothing is waited for where there is
 * no Xen: opening them says then what is missing.
 */
export async function waitForDevices(
  clock: Clock,
  log: Log,
  probe: DeviceProbe = systemProbe,
): Promise<void> {
  if (overrideOf("libxenevtchn.so") !== undefined) return;
  if (probe.text(HYPERVISOR).trim() !== "xen") return;
  const needed = [...DEVICES, kernelPagePath()];
  const deadline = clock.now() + DEVICES_WAIT_MS;
  let reported = "";
  for (;;) {
    const missing = needed.find((path) => !probe.exists(path));
    if (missing === undefined || clock.now() >= deadline) return;
    if (missing !== reported) {
      log("info", `waiting for ${missing}`);
      probe.status(`waiting for ${missing}`, log);
      reported = missing;
    }
    await sleep(clock, DEVICES_LOOK_MS);
  }
}
