import { NOTIFY_STATUS_MS } from "../../limits.ts";
import { notifyAlive } from "./notify.ts";

/** The variables of a process, by their names. */
interface Variables {
  get(name: string): string | undefined;
}

/**
 * Signs of life for the service manager, with a line that says how the daemon is. The loop gives them, so that a
 * daemon whose loop stands still gives none, and is started again (systemd's WatchdogSec=).
 */
export class Heartbeat {
  /** When the next one is due, in ms. */
  dueAt = 0;
  readonly #intervalMs: number;
  readonly #status: () => string;

  /** `status` is a line for people. */
  constructor(intervalMs: number, status: () => string) {
    this.#intervalMs = intervalMs;
    this.#status = status;
  }

  /** To be called as often as the loop comes round. */
  beat(now: number): void {
    if (now < this.dueAt) return;
    this.dueAt = now + this.#intervalMs;
    notifyAlive(this.#status());
  }
}

/** What a service manager wants of this process, if there is one. */
export function heartbeatOf(env: Variables, pid: number, status: () => string): Heartbeat | null {
  if ((env.get("NOTIFY_SOCKET") ?? "") === "") return null;
  const watched = env.get("WATCHDOG_PID") ?? `${pid}`;
  const limitMs = Number(env.get("WATCHDOG_USEC") ?? 0) / 1_000;
  const isWatched = watched === `${pid}` && limitMs > 0;
  // As sd_watchdog_enabled(3) has it: twice within the time.
  const interval = isWatched ? Math.min(limitMs / 2, NOTIFY_STATUS_MS) : NOTIFY_STATUS_MS;
  return new Heartbeat(interval, status);
}
