import { sendDatagram } from "../../../ffi/datagram.ts";
import { type Clock, wallDate } from "../../clock.ts";
import { escapeText } from "../../wire/escape.ts";
import type { Log, LogOptions } from "./log.ts";
import { formatLine, LOG_LEVELS, PRIORITIES } from "./log_format.ts";

const SOCKET = "/dev/log";

/** Facility "daemon" (syslog(3)). */
const FACILITY = 3;

/** Logs what is at least as severe as the options' level to syslog, as `xenstored[pid]`. */
export function syslog({ logFormat = "text", logLevel }: LogOptions, clock: Clock): Log {
  const least = LOG_LEVELS.indexOf(logLevel);
  return (level, text) => {
    if (LOG_LEVELS.indexOf(level) > least) return;
    const priority = FACILITY * 8 + PRIORITIES[level];
    const line = logFormat === "json"
      ? formatLine("json", level, text, wallDate(clock), true)
      : escapeText(text);
    // Without a syslog there is nobody to tell, and its trouble must not stop the daemon.
    sendDatagram(SOCKET, `<${priority}>xenstored[${Deno.pid}]: ${line}`);
  };
}
