/** Points in time as people write them: one grammar for all commands (docs/clients.md, "Points in time"). */
import { parseDuration } from "../wire/duration.ts";

/** A point in a store's history. */
export type Point =
  /** Microseconds since 1970. */
  | { readonly kind: "time"; readonly at: number }
  /** So many commits before one. */
  | { readonly kind: "commit"; readonly number: number; readonly back: number }
  /** After a turn of the journal. */
  | { readonly kind: "turn"; readonly turn: number }
  /** When the running daemon began to serve. */
  | { readonly kind: "start" }
  /** When the host booted. */
  | { readonly kind: "boot" };

/** A point could not be understood, or is not in the past. */
export class PointError extends Error {
  override readonly name = "PointError";
}

/** Where the local time is. */
export interface Zone {
  /** The calendar day of a time in ms since 1970; `month` counts from 1. */
  dayOf(ms: number): Day;
  /** Ms since 1970 of a time of a day, told as ms after midnight by the clock on the wall. */
  instant(day: Day, msOfDay: number): number;
}

export interface Day {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** The zone of this process. */
export const LOCAL_ZONE: Zone = {
  dayOf: (ms) => {
    const date = new Date(ms);
    return { year: date.getFullYear(), month: date.getMonth() + 1, day: date.getDate() };
  },
  instant: ({ year, month, day }, msOfDay) => {
    const date = new Date(0);
    date.setFullYear(year, month - 1, day);
    return date.setHours(0, 0, 0, msOfDay);
  },
};

/** What {@link parsePoint} takes, for messages. */
export const POINT_FORMS =
  "-5m, 14:03, 'yesterday 14:03', 2026-01-31T12:00:00, #1234, turn:1234, start or boot";

const TIME = String.raw`(\d\d?):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?`;
const TIME_OF_DAY = new RegExp(`^${TIME}$`);
const DATE_AND_TIME = new RegExp(
  String.raw`^(?:(\d{4})-(\d\d)-(\d\d)|(today|yesterday))(?:[t ]${TIME}(z|[+-]\d\d:\d\d)?)?$`,
  "i",
);
const COMMIT = /^#(\d{1,15})(?:~(\d{1,15}))?$/;
const TURN = /^turn:(\d{1,15})$/;

/**
 * A point as users write it behind an `@`: so long ago (`-90s`, `5m`), a time of today (`14:03`, `14:03:10.250`), of
 * a day (`yesterday 14:03`, RFC 3339, local unless it says otherwise, with a space or a `T`), a commit (`#1234`, or
 * `#1234~3` for the third before it), `turn:1234`, `start` or `boot`.
 *
 * @param now in ms since 1970.
 * @throws {PointError} for anything else, and for a time in the future.
 */
export function parsePoint(text: string, now: number, zone: Zone = LOCAL_ZONE): Point {
  const commit = COMMIT.exec(text);
  if (commit !== null) {
    return { kind: "commit", number: Number(commit[1]), back: Number(commit[2] ?? 0) };
  }
  const turn = TURN.exec(text);
  if (turn !== null) return { kind: "turn", turn: Number(turn[1]) };
  if (text === "start" || text === "boot") return { kind: text };
  const at = timeAgo(text, now) ?? timeOfDay(text, now, zone) ?? timeOfDate(text, now, zone);
  if (at === null) throw invalid(text);
  if (at > now * 1_000) throw new PointError(`'${text}' is in the future`);
  return { kind: "time", at };
}

function invalid(text: string): PointError {
  return new PointError(`invalid point in time '${text}' (${POINT_FORMS})`);
}

/** A number alone may be meant as anything: only `-5` is so many seconds. */
function timeAgo(text: string, now: number): number | null {
  const isMarked = text.startsWith("-");
  if (!isMarked && /^[\d.]*$/.test(text)) return null;
  const ago = parseDuration(isMarked ? text.slice(1) : text);
  return ago === null || ago > now ? null : Math.round((now - ago) * 1_000);
}

function timeOfDay(text: string, now: number, zone: Zone): number | null {
  const match = TIME_OF_DAY.exec(text);
  if (match === null) return null;
  const time = microseconds(match.slice(1));
  return time === null ? null : instantOf(zone, zone.dayOf(now), time);
}

function timeOfDate(text: string, now: number, zone: Zone): number | null {
  const match = DATE_AND_TIME.exec(text);
  if (match === null) return null;
  const [, year, month, date, word, ...rest] = match;
  const day = word === undefined
    ? { year: Number(year), month: Number(month), day: Number(date) }
    : namedDay(word, now, zone);
  const offset = rest.pop(), time = rest[0] === undefined ? 0 : microseconds(rest);
  if (time === null || !isDay(day)) return null;
  if (offset === undefined) return instantOf(zone, day, time);
  const shift = offsetMs(offset);
  return shift === null ? null : instantOf(UTC, day, time) - shift * 1_000;
}

/** The middle of yesterday is yesterday, also on days of 23 or 25 hours. */
function namedDay(word: string, now: number, zone: Zone): Day {
  const today = zone.dayOf(now);
  if (word.toLowerCase() === "today") return today;
  return zone.dayOf(zone.instant(today, 0) - 43_200_000);
}

const UTC: Zone = {
  dayOf: (ms) => {
    const date = new Date(ms);
    return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
  },
  instant: ({ year, month, day }, msOfDay) => {
    const date = new Date(0);
    date.setUTCFullYear(year, month - 1, day);
    return date.setUTCHours(0, 0, 0, msOfDay);
  },
};

/** Whether the calendar has it. */
function isDay(day: Day): boolean {
  const found = UTC.dayOf(UTC.instant(day, 0));
  return found.year === day.year && found.month === day.month && found.day === day.day;
}

/** Microseconds after midnight of hours, minutes, seconds and a fraction; null for a time that there is not. */
function microseconds(parts: readonly (string | undefined)[]): number | null {
  const [hours = "", minutes = "", seconds = "0", fraction = "0"] = parts;
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return null;
  const whole = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  return whole * 1_000_000 + Number(fraction.padEnd(6, "0").slice(0, 6));
}

function instantOf(zone: Zone, day: Day, microsecondsOfDay: number): number {
  const ms = Math.floor(microsecondsOfDay / 1_000);
  return zone.instant(day, ms) * 1_000 + microsecondsOfDay % 1_000;
}

/** How far a zone such as `+02:00` is before UTC, in ms; null for one that there is not. */
function offsetMs(text: string): number | null {
  if (text.toLowerCase() === "z") return 0;
  const hours = Number(text.slice(1, 3)), minutes = Number(text.slice(4));
  if (hours > 23 || minutes > 59) return null;
  return (text[0] === "-" ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
