/**
 * Story: a guest hangs at its boot, and nothing tells whether it or the daemon waits. A ring in which something lies and nothing moves
 * names the one that does not go on.
 */
import type { Found, Rule, SeenRing } from "../evidence.ts";
import { counted } from "../../wire/counted.ts";

export const stuckRings: Rule = {
  name: "stuck-rings",
  *check({ rings, seconds }): Generator<Found> {
    for (const ring of rings) {
      const text = ring.ignored
        ? "the daemon ignores its ring: the guest broke the protocol (xs errors says how)"
        : stuckText(ring, seconds);
      if (text === null) continue;
      const { brokenAt, domid, ignored } = ring;
      yield {
        object: `domain ${domid}`,
        text,
        onset: ignored && brokenAt !== null ? { kind: "seen", from: brokenAt, to: brokenAt } : null,
        command: `xs ring ${domid}`,
      };
    }
  },
};

function stuckText(
  { moved, requestsWaiting, responsesWaiting }: SeenRing,
  seconds: number,
): string | null {
  if (moved) return null;
  const within = `for ${Math.round(seconds * 10) / 10} s`;
  if (responsesWaiting > 0) {
    return `has not read ${counted(responsesWaiting, "byte")} in its ring ${within}`;
  }
  return requestsWaiting > 0
    ? `the daemon has not read ${counted(requestsWaiting, "byte")} of its requests ${within}`
    : null;
}
