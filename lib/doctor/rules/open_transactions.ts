/**
 * Story: a toolstack that was stopped in the middle of a transaction keeps its snapshot, and all that others replace meanwhile stays in
 * memory for it; a live update waits for its end.
 */
import type { Found, Rule } from "../evidence.ts";
import { counted } from "../../wire/counted.ts";

export const openTransactions: Rule = {
  name: "open-transactions",
  *check({ after, before, seconds }): Generator<Found> {
    const old = new Map(before.domains.map((domain) => [domain.domid, domain]));
    for (const { commits, conflictsSuffered, domid, quotas } of after.domains) {
      const then = old.get(domid);
      const open = Math.min(quotas.transactions.used ?? 0, then?.quotas.transactions.used ?? 0);
      // Where some ended meanwhile, those that are open are perhaps new.
      const isSame = then?.commits === commits && then.conflictsSuffered === conflictsSuffered;
      if (open === 0 || !isSame) continue;
      yield {
        object: `domain ${domid}`,
        text: `${counted(open, "open transaction")}, and none has ended for ${
          Math.round(seconds * 10) / 10
        } s`,
        command: `xs top --once --axis processes`,
      };
    }
  },
};
