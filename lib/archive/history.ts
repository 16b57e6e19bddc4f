import { ArchiveError } from "./archive.ts";

/** A point in a store's history: the state after a turn, or at a time in ms since 1970. */
export type HistoryPoint =
  | { readonly kind: "turn"; readonly turn: number }
  | { readonly kind: "time"; readonly at: number };

const UNIT_MS: Readonly<Record<string, number>> = {
  "ms": 1,
  "s": 1_000,
  "m": 60_000,
  "h": 3_600_000,
  "d": 86_400_000,
};

const HELP = "it is a time ago such as -5m or -1h30m, one such as 2026-01-31T12:00:00, or turn:N";

/**
 * A point as users write it: so long ago (`-90s`, `-1h30m`), a time as ISO 8601 has it (local unless
 * it says otherwise), or the number of a turn (`turn:1234`).
 *
 * @throws {ArchiveError} for anything else.
 */
export function parsePoint(text: string, now: number): HistoryPoint {
  const turn = /^turn:(\d{1,15})$/.exec(text);
  if (turn !== null) return { kind: "turn", turn: Number(turn[1]) };
  if (/^-(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/.test(text)) {
    let ago = 0;
    for (const [, count, unit] of text.matchAll(/([\d.]+)(ms|[smhd])/g)) {
      ago += Number(count) * UNIT_MS[unit!]!;
    }
    return { kind: "time", at: now - ago };
  }
  if (/^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?$/.test(text)) {
    const at = Date.parse(text);
    if (!Number.isNaN(at)) return { kind: "time", at };
  }
  throw new ArchiveError(`'${text}' is no point in time: ${HELP}`);
}
