import { assertEquals } from "@std/assert";
import { formatDuration, parseDuration } from "../../lib/wire/duration.ts";

const readings: [text: string, ms: number | null][] = [
  ["0", 0],
  ["5", 5_000],
  ["0.5", 500],
  [".5", 500],
  ["90s", 90_000],
  ["1m", 60_000],
  ["1h30m", 5_400_000],
  ["1d", 86_400_000],
  ["250ms", 250],
  ["1m500ms", 60_500],
  ["1.5h", 5_400_000],
  ["2s5ms", 2_005],
  ["", null],
  ["s", null],
  ["5 s", null],
  ["-5", null],
  ["-5s", null],
  ["1m1h", null],
  ["1m1m", null],
  ["1.2.3s", null],
  ["5x", null],
  ["1h30", null],
  ["1e3", null],
  ["Infinity", null],
];

Deno.test("durations are read", () => {
  for (const [text, ms] of readings) assertEquals(parseDuration(text), ms, text);
});

Deno.test("durations are written as they are read", () => {
  const texts = ["0s", "5s", "500ms", "1m", "1m30s", "1h30m", "1d2h3m4.5s", "250ms"];
  for (const text of texts) assertEquals(formatDuration(parseDuration(text)!), text);
});
