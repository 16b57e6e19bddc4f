/** The grammar of points, with a clock and a zone that the tests bring. */
import { assertEquals, assertThrows } from "@std/assert";
import {
  type Day,
  LOCAL_ZONE,
  parsePoint,
  type Point,
  PointError,
  type Zone,
} from "../../lib/history/points.ts";

/** A zone `hours` before UTC. */
function zoneAt(hours: number): Zone {
  const shift = hours * 3_600_000;
  return {
    dayOf: (ms) => {
      const date = new Date(ms + shift);
      return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
    },
    instant: ({ year, month, day }: Day, msOfDay) =>
      Date.UTC(year, month - 1, day) + msOfDay - shift,
  };
}

const NOW = Date.parse("2026-05-04T12:00:00.500Z");

function time(iso: string, more = 0): Point {
  return { kind: "time", at: Date.parse(iso) * 1_000 + more };
}

const POINTS: readonly (readonly [string, Point])[] = [
  ["-5m", time("2026-05-04T11:55:00.500Z")],
  ["5m", time("2026-05-04T11:55:00.500Z")],
  ["-1h30m2.5s", time("2026-05-04T10:29:58.000Z")],
  ["-5", time("2026-05-04T11:59:55.500Z")],
  ["-0", time("2026-05-04T12:00:00.500Z")],
  ["-250ms", time("2026-05-04T12:00:00.250Z")],
  ["-3d", time("2026-05-01T12:00:00.500Z")],
  // The zone is two hours before UTC: it is 14:00:00.500.
  ["14:00", time("2026-05-04T12:00:00Z")],
  ["9:18", time("2026-05-04T07:18:00Z")],
  ["09:18", time("2026-05-04T07:18:00Z")],
  ["09:18:10.250", time("2026-05-04T07:18:10.250Z")],
  ["09:18:10.250125", time("2026-05-04T07:18:10.250Z", 125)],
  ["09:18:10.250125999", time("2026-05-04T07:18:10.250Z", 125)],
  ["00:00", time("2026-05-03T22:00:00Z")],
  ["today 09:18", time("2026-05-04T07:18:00Z")],
  ["today", time("2026-05-03T22:00:00Z")],
  ["yesterday 14:03", time("2026-05-03T12:03:00Z")],
  ["Yesterday T14:03".replace(" ", ""), time("2026-05-03T12:03:00Z")],
  ["yesterday", time("2026-05-02T22:00:00Z")],
  ["2026-05-04", time("2026-05-03T22:00:00Z")],
  ["2026-05-04T09:18", time("2026-05-04T07:18:00Z")],
  ["2026-05-04 09:18", time("2026-05-04T07:18:00Z")],
  ["2026-05-04t09:18:00z", time("2026-05-04T09:18:00Z")],
  ["2026-05-04 13:00:00.500+02:00", time("2026-05-04T11:00:00.500Z")],
  ["2026-05-04T05:00:00-05:30", time("2026-05-04T10:30:00Z")],
  ["2024-02-29", time("2024-02-28T22:00:00Z")],
  ["1999-12-31T23:59:59Z", time("1999-12-31T23:59:59Z")],
  ["#1234", { kind: "commit", number: 1234, back: 0 }],
  ["#1234~3", { kind: "commit", number: 1234, back: 3 }],
  ["turn:12", { kind: "turn", turn: 12 }],
  ["start", { kind: "start" }],
  ["boot", { kind: "boot" }],
];

Deno.test("points in time, each form", () => {
  for (const [text, point] of POINTS) assertEquals(parsePoint(text, NOW, zoneAt(2)), point, text);
});

const INVALID = [
  ["", "5", "5.5", ".", "-", "-5x", "-m", "--5m", "+5m", "-5m ", " -5m", "now", "tomorrow"],
  ["turn:", "turn:-1", "turn:1e3", "#", "#-1", "#x", "#12~", "#12~x", "#12~1~1", "12~1", "START"],
  ["24:00", "12:60", "12:00:60", "12", "12:0", "12:00:0", "12:00:00.", "123:00", "12:00Z"],
  ["2026-13-01", "2026-02-29", "2026-00-10", "2026-01-32", "2026-1-1", "26-01-01", "2026-01-01T"],
  ["2026-01-01T00:00+2", "2026-01-01T00:00+24:00", "2026-01-01  00:00", "2026-01-01Z"],
  ["yesterday 25:00", "yesterday-14:03", "2026-01-01 00:00 +02:00", "-99999999d", "9".repeat(400)],
].flat();

Deno.test("what is no point in time is refused in one line that says what is", () => {
  for (const text of INVALID) {
    const { message } = assertThrows(() => parsePoint(text, NOW, zoneAt(2)), PointError);
    assertEquals(message.split("'")[0], "invalid point in time ", text);
    assertEquals(message.includes("\n"), false);
  }
});

Deno.test("the future is no point of a history", () => {
  const future = [
    "14:01",
    "23:59",
    "2026-05-04T12:00:01Z",
    "2026-05-05",
    "9999-01-01",
    "today 15:00",
  ];
  for (const text of future) {
    assertThrows(() => parsePoint(text, NOW, zoneAt(2)), PointError, `'${text}' is in the future`);
  }
  // The same time is past a few hours further east.
  assertEquals(parsePoint("14:01", NOW, zoneAt(3)), time("2026-05-04T11:01:00Z"));
  assertEquals(parsePoint("yesterday 23:59", NOW, zoneAt(2)), time("2026-05-03T21:59:00Z"));
});

Deno.test("the zone of the process is that of its clock", () => {
  const now = new Date(2026, 4, 4, 12, 0).getTime();
  for (
    const [text, expected] of [
      ["09:18:10.250", new Date(2026, 4, 4, 9, 18, 10, 250)],
      ["yesterday 14:03", new Date(2026, 4, 3, 14, 3)],
      ["2026-01-31 12:00", new Date(2026, 0, 31, 12, 0)],
    ] as const
  ) {
    const point = parsePoint(text, now, LOCAL_ZONE);
    assertEquals(point, { kind: "time", at: expected.getTime() * 1_000 });
  }
});
