/**
 * Each place that writes to the log either goes through a budget (`tell`, of the engine's state or
 * of the turns), so that no client can fill a disk, or is here, with why no client can repeat it.
 */
import { assertEquals } from "@std/assert";
import { readSources } from "../support/sources.ts";

const WITHOUT_BUDGET: Readonly<Record<string, readonly [sites: number, why: string]>> = {
  "lib/engine/daemon_memory_limit.ts": [1, "has a budget of its own"],
  "lib/engine/quota_reports.ts": [1, "has a budget of its own"],
  "lib/engine/state.ts": [1, "what `tell` itself writes"],
  "lib/journal/recovery.ts": [1, "at the start, once a domain"],
  "lib/journal/store_journal.ts": [7, "its log has a budget of its own"],
  "lib/server/process/log_and_memory_control.ts": [
    3,
    "its log is that of the privileged domain's budget",
  ],
  "lib/server/jobs/restore_steps.ts": [1, "once a restore"],
  "lib/server/jobs/history_queries.ts": [1, "its log is that of the privileged domain's budget"],
  "lib/server/jobs/job_queue.ts": [2, "its log is that of the privileged domain's budget"],
  "lib/server/domains/no_domains.ts": [1, "before there are turns"],
  "lib/server/history/history_file.ts": [1, "its log has a budget of its own"],
  "lib/server/live_update/code_cache.ts": [1, "its log is that of the privileged domain's budget"],
  "lib/server/live_update/hand_over.ts": [2, "its log is that of the privileged domain's budget"],
  "lib/server/live_update/open_journal_anyway.ts": [3, "at the start"],
  "lib/server/live_update/take_over.ts": [7, "at the start"],
  "lib/server/live_update/update_actions.ts": [
    1,
    "its log is that of the privileged domain's budget",
  ],
  "lib/server/logging/log.ts": [1, "what it says of itself"],
  "lib/server/logging/trace.ts": [2, "has a budget of its own"],
  "lib/server/logging/daemon_log_budget.ts": [1, "is a budget"],
  "lib/server/persistence/damaged_store.ts": [1, "at the start"],
  "lib/server/persistence/persistence.ts": [5, "at the start"],
  "lib/server/process/leftovers.ts": [1, "at the start"],
  "lib/server/process/notify.ts": [1, "at the start and the end"],
  "lib/server/start/serve.ts": [6, "at the start, at the end and on a signal"],
  "lib/server/peer/sockets.ts": [1, "once, when the supervisor is gone"],
  "lib/server/persistence/store_file_guard.ts": [1, "once"],
  "lib/server/supervision/acceptor.ts": [1, "once, until it can accept again"],
  "lib/server/supervision/descriptor_store.ts": [1, "has a budget of its own"],
  "lib/server/supervision/held_sockets.ts": [3, "once, until there is room again"],
  "lib/server/supervision/holder_client.ts": [3, "once, when the holder is gone"],
  "lib/server/supervision/supervise.ts": [4, "at each death, which are limited"],
  "lib/server/persistence/resume_store.ts": [5, "at the start"],
  "lib/server/scheduler.ts": [1, "what `tell` itself writes"],
  "lib/server/xen/wait_for_devices.ts": [1, "at the start, once for each device"],
  "lib/server/xen/xen_domains.ts": [3, "at the start; before there are turns"],
};

/** Where lines are written within the budget of the domain that causes them, and how many such places there are. */
const WITHIN_BUDGET: Readonly<Record<string, number>> = {
  "lib/engine/domain_deaths.ts": 1,
  "lib/engine/engine.ts": 1,
  "lib/engine/memory_reports.ts": 5,
  "lib/engine/old_versions_limit.ts": 1,
  "lib/engine/operations/control.ts": 2,
  "lib/engine/operations/domains.ts": 2,
  "lib/engine/operations/quotas.ts": 1,
  "lib/engine/operations/transactions.ts": 1,
  "lib/engine/state.ts": 2,
  "lib/server/domains/no_domains.ts": 1,
  "lib/server/loop/turn_times.ts": 1,
  "lib/server/peer/peer.ts": 2,
  "lib/server/peer/sockets.ts": 2,
  "lib/server/scheduler.ts": 3,
  "lib/server/start/daemon.ts": 2,
  "lib/server/xen/xen_domains.ts": 1,
};

/** A call of a log's function: `log("info"`, `this.#log(level`, `parts.log(\n"warning"`. */
const CALL =
  /(?:^|[^\w.])(?:[\w.#?!]+\.)?#?(?:log|complain)\(\s*(?:"(?:error|warning|info|debug)"|level|isExpected)/gm;

/** One within a budget: `state.tell("info"`, `this.#turns.tell("warning"`, `state.tellOfDomain(domid`, `this.#host.warn(this`. */
const BUDGETED_CALL =
  /(?:[\w#]+\.)#?(?:tell|tellOfDomain|warn)\(\s*(?:"(?:error|warning|info)"|level|domid|peer|this|domain\.domid)/g;

function sitesOf(call: RegExp, folders: readonly string[]): Record<string, number> {
  const sites: Record<string, number> = {};
  for (const { path, text } of readSources(folders)) {
    const count = [...text.matchAll(call)].length;
    if (count > 0) sites[path] = count;
  }
  return sites;
}

Deno.test("every line of the log has a budget, or a reason why it needs none", () => {
  const expected = Object.entries(WITHOUT_BUDGET).map(([path, [sites]]) => [path, sites]);
  assertEquals(sitesOf(CALL, ["lib", "cmd"]), Object.fromEntries(expected));
});

Deno.test("every place that writes a line within a domain's budget is known", () => {
  assertEquals(sitesOf(BUDGETED_CALL, ["lib/engine", "lib/server"]), WITHIN_BUDGET);
});
