/** How a line of the log is written, wherever it goes. */
import { escapeText } from "../../wire/escape.ts";
import { jsonLine } from "../../wire/json.ts";

/** How severe a line of the log is. */
export type LogLevel = "error" | "warning" | "info" | "debug";

/** All levels; each includes those before it. */
export const LOG_LEVELS: readonly LogLevel[] = ["error", "warning", "info", "debug"];

/** Lines for people, or one JSON object each. */
export const LOG_FORMATS = ["text", "json"] as const;

export type LogFormat = (typeof LOG_FORMATS)[number];

/** The priority of each level, as syslog(3) and the journal number them. */
export const PRIORITIES: Readonly<Record<LogLevel, number>> = {
  error: 3,
  warning: 4,
  info: 6,
  debug: 7,
};

/** A line without its end; `time` is left out of text where its receiver notes the time. */
export function formatLine(
  format: LogFormat,
  level: LogLevel,
  text: string,
  time: Date,
  withTime: boolean,
): string {
  if (format === "json") return jsonLine({ time: time.toISOString(), level, message: text });
  return `${withTime ? `${time.toISOString()} ` : ""}xs: ${level}: ${escapeText(text)}`;
}
