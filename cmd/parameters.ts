import { quotaName, QUOTAS, type QuotaSetting } from "../lib/engine/quotas.ts";
import { DURATION_FORMS, parseDuration } from "../lib/wire/duration.ts";
import { HISTORY_AGE_MS_USUAL, HISTORY_BYTES_MIN, QUOTA_VALUE_MAX } from "../lib/limits.ts";
import type { HistoryChoice } from "../lib/server/history/history_file.ts";
import { UsageError } from "./report.ts";

/** A whole number from 0 up. */
export function parseCount(input: string): number {
  if (!/^\d{1,9}$/.test(input)) throw new UsageError("invalid number (a whole number from 0 up)");
  return Number(input);
}

/** A domain's number. */
export function parseDomid(input: string): number {
  const domid = /^\d{1,5}$/.test(input) ? Number(input) : NaN;
  if (!(domid <= 65535)) throw new UsageError("invalid domid (a number up to 65535)");
  return domid;
}

/** The one parameter of a command about a domain. */
export const domidParameter = {
  kind: "tuple",
  parameters: [{ brief: "Number of a domain", placeholder: "DOMID", parse: parseDomid }],
} as const;

const SUFFIXES: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** A number of bytes, such as 512M. */
export function parseBytes(input: string): number {
  const found = /^(\d{1,12})([KMG]?)$/i.exec(input);
  const bytes = found === null ? NaN : Number(found[1]) * SUFFIXES[found[2]!.toUpperCase()]!;
  if (!(bytes <= 2 ** 50)) throw new UsageError("invalid size (bytes, or such as 512M, 2G)");
  return bytes;
}

/** A duration, in ms. */
export function parseDurationOption(input: string): number {
  const duration = parseDuration(input);
  if (duration === null) throw new UsageError(`invalid duration (${DURATION_FORMS})`);
  return duration;
}

/** A quota's setting, such as `nodes=2000`, or `memory=4M`. */
export function parseQuota(input: string): QuotaSetting {
  const [what, text, ...more] = input.split("=");
  const name = quotaName(what ?? "");
  if (name === null || more.length > 0) {
    const names = QUOTAS.map((quota) => quota.name).join(", ");
    throw new UsageError(`invalid quota (NAME=NUMBER, with NAME one of ${names})`);
  }
  const isSize = /^\d{10}$|[KMG]$/i.test(text ?? "");
  const value = isSize ? parseBytes(text!) : parseCount(text ?? "");
  if (value > QUOTA_VALUE_MAX) throw new UsageError(`it is too large (at most ${QUOTA_VALUE_MAX})`);
  return { name, value };
}

/** How much of what was done is kept, and how long: `64M,7d`, one of them, or `off`. */
export function parseHistory(input: string): HistoryChoice | "off" {
  if (input === "off") return input;
  const [size = "", age, ...more] = input.split(",");
  if (more.length > 0) throw new UsageError("invalid history (SIZE,AGE such as 64M,7d, or off)");
  const bytes = parseBytes(size);
  if (bytes < HISTORY_BYTES_MIN) {
    throw new UsageError(`it is too small (at least ${HISTORY_BYTES_MIN / 2 ** 20}M, or off)`);
  }
  return { bytes, ageMs: age === undefined ? HISTORY_AGE_MS_USUAL : parseDurationOption(age) };
}
