/**
 * Each place that writes to the log either goes through a budget (`tell`, of the engine's state or
 * of the turns), so that no client can fill a disk, or is here, with why no client can repeat it.
 */
import { assertEquals } from "@std/assert";
import { readSources } from "../support/sources.ts";

const WITHOUT_BUDGET: Readonly<Record<string, string>> = {
  "lib/engine/daemon_memory_limit.ts": "has a budget of its own",
  "lib/engine/quota_reports.ts": "has a budget of its own",
  "lib/engine/state.ts": "what `tell` itself writes",
  "lib/journal/recovery.ts": "at the start, once a domain",
  "lib/journal/store_journal.ts": "its log has a budget of its own",
  "lib/server/process/log_and_memory_control.ts":
    "its log is that of the privileged domain's budget",
  "lib/server/jobs/restore_steps.ts": "once a restore",
  "lib/server/jobs/job_queue.ts": "its log is that of the privileged domain's budget",
  "lib/server/domains/no_domains.ts": "before there are turns",
  "lib/server/live_update/code_cache.ts": "its log is that of the privileged domain's budget",
  "lib/server/live_update/hand_over.ts": "its log is that of the privileged domain's budget",
  "lib/server/live_update/open_journal_anyway.ts": "at the start",
  "lib/server/live_update/take_over.ts": "at the start",
  "lib/server/live_update/update_actions.ts": "its log is that of the privileged domain's budget",
  "lib/server/logging/log.ts": "what it says of itself",
  "lib/server/logging/trace.ts": "has a budget of its own",
  "lib/server/logging/daemon_log_budget.ts": "is a budget",
  "lib/server/persistence/damaged_store.ts": "at the start",
  "lib/server/persistence/persistence.ts": "at the start",
  "lib/server/process/leftovers.ts": "at the start",
  "lib/server/process/notify.ts": "at the start and the end",
  "lib/server/start/serve.ts": "at the start, at the end and on a signal",
  "lib/server/peer/sockets.ts": "once, when the supervisor is gone",
  "lib/server/persistence/store_file_guard.ts": "once",
  "lib/server/supervision/acceptor.ts": "once, until it can accept again",
  "lib/server/supervision/descriptor_store.ts": "has a budget of its own",
  "lib/server/supervision/held_sockets.ts": "once, until there is room again",
  "lib/server/supervision/holder_client.ts": "once, when the holder is gone",
  "lib/server/supervision/supervise.ts": "at each death, which are limited",
  "lib/server/persistence/resume_store.ts": "at the start",
  "lib/server/scheduler.ts": "what `tell` itself writes",
  "lib/server/xen/wait_for_devices.ts": "at the start, once for each device",
  "lib/server/xen/xen_domains.ts": "at the start; before there are turns",
};

/** A call of a log's function: `log("info"`, `this.#log(level`, `parts.log(\n"warning"`. */
const CALL =
  /(?:^|[^\w.])(?:[\w.#?!]+\.)?#?(?:log|complain)\(\s*(?:"(?:error|warning|info|debug)"|level|isExpected)/;

Deno.test("every line of the log has a budget, or a reason why it needs none", () => {
  const found = readSources(["lib", "cmd"])
    .filter(({ text }) => CALL.test(text))
    .map(({ path }) => path);
  assertEquals(found.sort(), Object.keys(WITHOUT_BUDGET).sort());
});
