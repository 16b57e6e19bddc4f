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

/** Tells it that another program is about to take this one's place, and will say when it is ready. */
export function notifyReloading(log: Log): void {
  notify("RELOADING=1\n", "are being replaced", log);
}

/** What {@link notifyRefused} says: our own word, which service managers pass over. */
export const REFUSED = "X_XS_REFUSED";

/** Tells our supervisor that the store is refused: another attempt would come to the same. */
export function notifyRefused(log: Log): void {
  notify(`${REFUSED}=1\n`, "cannot use the store", log);
}

function notify(text: string, what: string, log: Log): void {
  const socket = Deno.env.get("NOTIFY_SOCKET");
  if (socket === undefined || socket === "") return;
  const code = sendDatagram(socket, text);
  if (code !== 0) log("warning", `cannot tell '${socket}' that we ${what}: ${errorText(code)}`);
}
