import { monotonicMs } from "../../../ffi/monotonic_clock.ts";
import { errorText } from "../../../ffi/libc.ts";
import { sendDatagram } from "../../../ffi/datagram.ts";
import type { Log } from "../logging/log.ts";

/**
 * Tells the service manager that the daemon serves (sd_notify(3)), where there is one that
 * waits for it: the variable NOTIFY_SOCKET names its socket.
 */
export function notifyReady(log: Log): void {
  // A daemon that went to the background is not the process that was started.
  notify(`READY=1\nMAINPID=${Deno.pid}\n`, "are ready", log);
}

/** Tells it what a start waits for. */
export function notifyStatus(text: string, log: Log): void {
  notify(`STATUS=${text}\n`, "are waiting", log);
}

/** Tells it that the daemon reads its files again, or gives way to another program, and will say when it is ready. */
export function notifyReloading(log: Log): void {
  const now = Math.round(monotonicMs() * 1_000);
  notify(`RELOADING=1\nMONOTONIC_USEC=${now}\nWATCHDOG=1\n`, "are reloading", log);
}

/** Tells it that the daemon ends because it was asked to. */
export function notifyStopping(log: Log): void {
  notify("STOPPING=1\n", "are stopping", log);
}

/** Tells it that the daemon is alive, and how it is. Nothing is said if that fails: there will be another time. */
export function notifyAlive(status: string): void {
  send(`WATCHDOG=1\nSTATUS=${status}\n`);
}

/**
 * Has a service manager that watches us stop or begin again to do so. C xenstored and older xs give no signs of life: watched,
 * they would be killed for that.
 */
export function notifyWatched(isWatched: boolean): void {
  const limit = Deno.env.get("WATCHDOG_USEC") ?? "";
  if (/^[1-9]\d*$/.test(limit)) send(`WATCHDOG_USEC=${isWatched ? limit : 0}\n`);
}

/** What {@link notifyRefused} says: our own word, which service managers pass over. */
export const REFUSED = "X_XS_REFUSED";

/** Tells our supervisor that the store is refused: another attempt would come to the same. */
export function notifyRefused(log: Log): void {
  notify(`${REFUSED}=1\n`, "cannot use the store", log);
}

function notify(text: string, what: string, log: Log): void {
  const code = send(text);
  if (code === 0) return;
  const socket = Deno.env.get("NOTIFY_SOCKET");
  log("warning", `cannot tell '${socket}' that we ${what}: ${errorText(code)}`);
}

/** Returns 0, also where there is nobody to tell, or the error number. */
function send(text: string): number {
  const socket = Deno.env.get("NOTIFY_SOCKET");
  return socket === undefined || socket === "" ? 0 : sendDatagram(socket, text);
}
