import { errorText } from "../../ffi/libc.ts";
import { sendDatagram } from "../../ffi/datagram.ts";
import type { Log } from "./log.ts";

/**
 * Tells the service manager that the daemon serves (sd_notify(3)), where there is one that
 * waits for it: the variable NOTIFY_SOCKET names its socket.
 */
export function notifyReady(log: Log): void {
  const socket = Deno.env.get("NOTIFY_SOCKET");
  if (socket === undefined || socket === "") return;
  // A daemon that went to the background is not the process that was started.
  const code = sendDatagram(socket, `READY=1\nMAINPID=${Deno.pid}\n`);
  if (code !== 0) log("warning", `cannot tell '${socket}' that we are ready: ${errorText(code)}`);
}
