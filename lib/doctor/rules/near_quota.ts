/**
 * Story: a guest's eleventh transaction, or its 129th watch, fails with ENOSPC, and nothing in dom0 says so before. What comes
 * near to a limit is to be seen before it is reached.
 */
import { DOCTOR_QUOTA_PERCENT } from "../../limits.ts";
import { formatDuration } from "../../wire/duration.ts";
import { type Found, percentOf, type Rule } from "../evidence.ts";
import { counted } from "../../wire/counted.ts";

export const nearQuota: Rule = {
  name: "near-quota",
  *check({ after, before, seconds }): Generator<Found> {
    const old = new Map(before.domains.map((domain) => [domain.domid, domain]));
    for (const { domid, quotas } of after.domains) {
      for (const [name, { limit, refused, used }] of Object.entries(quotas)) {
        if (limit === null || used === null) continue;
        const percent = percentOf({ limit, used });
        if (percent < DOCTOR_QUOTA_PERCENT && refused === 0) continue;
        // Only nodes are in the history.
        const isRecorded = name === "nodes" && percent >= DOCTOR_QUOTA_PERCENT;
        const was = Object.entries(old.get(domid)?.quotas ?? {}).find(([other]) => other === name)
          ?.[1].used;
        const slope = was === undefined || was === null ? 0 : (used - was) / seconds;
        const full = slope > 0 && used < limit
          ? `; full in about ${soon((limit - used) / slope)}`
          : "";
        const times = refused === 0 ? "" : `; ${counted(refused, "request")} refused so far`;
        yield {
          object: `domain ${domid}`,
          text: `${used} of ${limit} by quota ${name} (${percent} %)${full}${times}`,
          onset: isRecorded ? { kind: "nodes", domid, limit, used } : { kind: "domain", domid },
          command: `xs quota ${domid} ${name}=${2 * limit}`,
        };
      }
    }
  },
};

function soon(seconds: number): string {
  return formatDuration(Math.max(1, Math.round(seconds)) * 1_000);
}
