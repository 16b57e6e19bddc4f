/** Durations as people write and read them: one grammar for all options, sources and messages. */

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** What {@link parseDuration} takes, for messages. */
export const DURATION_FORMS = "a duration such as 90s, 1m, 1h30m, 250ms, or a number of seconds";

/**
 * Reads a duration: numbers with the units d, h, m, s, ms, each unit once and the largest first
 * (`1h30m`, `90s`, `0.5s`, `250ms`), or a number of seconds alone.
 *
 * @returns milliseconds; null when it is none.
 */
export function parseDuration(text: string): number | null {
  if (/^(?:\d+\.?\d*|\.\d+)$/.test(text)) return Number(text) * 1_000;
  const match = /^(?:([\d.]+)d)?(?:([\d.]+)h)?(?:([\d.]+)m(?!s))?(?:([\d.]+)s)?(?:([\d.]+)ms)?$/
    .exec(text);
  if (match === null || text === "") return null;
  let sum = 0;
  for (const [i, unit] of ["d", "h", "m", "s", "ms"].entries()) {
    const count = match[i + 1] === undefined ? 0 : Number(match[i + 1]);
    if (Number.isNaN(count)) return null;
    sum += count * UNIT_MS[unit]!;
  }
  return sum;
}

/** Milliseconds as {@link parseDuration} reads them: `1h30m`, `2.5s`, `250ms`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return ms === 0 ? "0s" : `${Math.round(ms * 1_000) / 1_000}ms`;
  let text = "";
  let left = ms;
  for (const unit of ["d", "h", "m"]) {
    const count = Math.floor(left / UNIT_MS[unit]!);
    if (count > 0) text += `${count}${unit}`;
    left -= count * UNIT_MS[unit]!;
  }
  return left === 0 ? text : `${text}${Math.round(left) / 1_000}s`;
}
