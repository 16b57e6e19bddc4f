import { busyWatches } from "./rules/busy_watches.ts";
import { clockJumps } from "./rules/clock_jumps.ts";
import { deadPermissions } from "./rules/dead_permissions.ts";
import { emptyDirectories } from "./rules/empty_directories.ts";
import { goneDomains } from "./rules/gone_domains.ts";
import { largeNodes } from "./rules/large_nodes.ts";
import { nearQuota } from "./rules/near_quota.ts";
import { openTransactions } from "./rules/open_transactions.ts";
import { slowStore } from "./rules/slow_store.ts";
import { spinningClients } from "./rules/spinning_clients.ts";
import { staleNames } from "./rules/stale_names.ts";
import { stuckRings } from "./rules/stuck_rings.ts";
import { unreadEvents } from "./rules/unread_events.ts";
import { type Evidence, type Finding, type Rule, sinceFirstLook } from "./evidence.ts";

/** All rules, in the order in which their findings are printed. */
export const RULES: readonly Rule[] = [
  slowStore,
  clockJumps,
  stuckRings,
  unreadEvents,
  spinningClients,
  busyWatches,
  openTransactions,
  nearQuota,
  largeNodes,
  staleNames,
  goneDomains,
  emptyDirectories,
  deadPermissions,
];

/** What all rules find. */
export function findingsOf(evidence: Evidence): Finding[] {
  return RULES.flatMap((rule) =>
    [...rule.check(evidence)].map(({ command, fix = null, object, onset, text }) => ({
      rule: rule.name,
      object,
      text,
      onset: onset ?? sinceFirstLook(evidence),
      command,
      fix,
    }))
  );
}
