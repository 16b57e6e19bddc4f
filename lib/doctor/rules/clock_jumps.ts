/**
 * Story: a host whose clock was wrong at its boot, and set later, has a history whose times do not fit its logs, and certificates that are
 * not valid yet. The daemon's own clock only goes forward: both together tell how far the host's was set.
 */
import { DOCTOR_CLOCK_JUMP_MS } from "../../limits.ts";
import { formatDuration } from "../../wire/duration.ts";
import type { Found, Rule } from "../evidence.ts";

export const clockJumps: Rule = {
  name: "clock-jumps",
  *check({ after: { status, wallMs }, before }): Generator<Found> {
    const expected = Date.parse(status.since) + status.uptimeMs;
    const jump = wallMs - expected;
    if (!(Math.abs(jump) >= DOCTOR_CLOCK_JUMP_MS)) return;
    const by = formatDuration(Math.round(Math.abs(jump) / 1_000) * 1_000);
    const text = `was set ${jump > 0 ? "forward" : "back"} by ${by} since the daemon started`;
    yield {
      object: "the host's clock",
      text,
      onset: { kind: "seen", from: Date.parse(status.since), to: before.wallMs },
      command: "timedatectl",
    };
  },
};
