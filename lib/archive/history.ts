import { parseDuration } from "../wire/duration.ts";
import { ArchiveError } from "./archive.ts";

/** A point in a store's history: the state after a turn, or at a time in ms since 1970. */
export type HistoryPoint =
  | { readonly kind: "turn"; readonly turn: number }
  | { readonly kind: "time"; readonly at: number };

const HELP = "-5m or -1h30m for a time ago, a time such as 2026-01-31T12:00:00, or turn:N";

/**
 * A point as users write it: so long ago (`-90s`, `-1h30m`), a time as ISO 8601 has it (local unless
 * it says otherwise), or the number of a turn (`turn:1234`).
 *
 * @throws {ArchiveError} for anything else.
 */
export function parsePoint(text: string, now: number): HistoryPoint {
  const turn = /^turn:(\d{1,15})$/.exec(text);
  if (turn !== null) return { kind: "turn", turn: Number(turn[1]) };
  const ago = text.startsWith("-") ? parseDuration(text.slice(1)) : null;
  if (ago !== null) return { kind: "time", at: now - ago };
  if (/^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?$/.test(text)) {
    const at = Date.parse(text);
    if (!Number.isNaN(at)) return { kind: "time", at };
  }
  throw new ArchiveError(`invalid point in time '${text}' (${HELP})`);
}
