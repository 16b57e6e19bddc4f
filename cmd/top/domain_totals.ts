import type { Operations } from "../../lib/client/operations.ts";
import type { DomainStatus } from "../../lib/engine/status_pages.ts";
import { readList } from "../../lib/metrics/read_status.ts";
import { emptyTotals, type Totals } from "./totals.ts";
import { domainTitle } from "../domain_word.ts";

/** All domains, by the daemon's own counters: nothing is traced for that. */
export async function domainTotals(nodes: Operations): Promise<Map<string, Totals>> {
  const rows = new Map<string, Totals>();
  const [domains, requests] = await Promise.all([
    readList(nodes, "domains"),
    readList(nodes, "requests"),
  ]);
  for (const domain of domains) {
    const row = emptyTotals(domainTitle(domain.domid, domain.name));
    const { commits, conflictsCaused, conflictsSuffered, events, queuedBytes, quotas } = domain;
    row.events = events;
    row.commits = commits;
    row.aborts = conflictsSuffered;
    row.caused = conflictsCaused;
    row.open = quotas.transactions.used;
    row.watches = quotas.watches.used;
    row.queued = queuedBytes;
    row.quota = highest(quotas);
    rows.set(`${domain.domid}`, row);
  }
  for (const { domid, operation, results } of requests) {
    const row = rows.get(`${domid}`);
    for (const [result, count] of Object.entries(results)) {
      row?.requests.set(`${operation.toLowerCase()} ${result}`, count);
    }
  }
  return rows;
}

function highest(quotas: DomainStatus["quotas"]): Totals["quota"] {
  let most: Totals["quota"] = null;
  for (const [name, { limit, used }] of Object.entries(quotas)) {
    if (limit === null || used === null) continue;
    const percent = Math.round(100 * used / limit);
    if (most === null || percent > most.percent) most = { name, percent };
  }
  return most;
}
