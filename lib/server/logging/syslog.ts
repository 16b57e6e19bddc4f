import { sendDatagram } from "../../../ffi/datagram.ts";
import { escapeText } from "../../wire/escape.ts";
import { type Log, LOG_LEVELS, type LogLevel } from "./log.ts";

const SOCKET = "/dev/log";

/** Facility "daemon", and a severity for each level (syslog(3)). */
const FACILITY = 3;
const SEVERITIES: Readonly<Record<LogLevel, number>> = {
  error: 3,
  warning: 4,
  info: 6,
  debug: 7,
};

/** Logs what is at least as severe as `level` to syslog, as `xenstored[pid]`. */
export function syslog(level: LogLevel): Log {
  const least = LOG_LEVELS.indexOf(level);
  return (grade, text) => {
    if (LOG_LEVELS.indexOf(grade) > least) return;
    const priority = FACILITY * 8 + SEVERITIES[grade];
    // Without a syslog there is nobody to tell, and its trouble must not stop the daemon.
    sendDatagram(SOCKET, `<${priority}>xenstored[${Deno.pid}]: ${escapeText(text)}`);
  };
}
