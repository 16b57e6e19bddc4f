import type { Operations } from "../../lib/client/operations.ts";
import { mostUsed } from "../../lib/engine/status_pages.ts";
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
    row.quota = mostUsed(quotas);
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
