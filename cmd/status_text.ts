import type { Status } from "../lib/engine/status.ts";
import type { ConflictStatus, DomainStatus } from "../lib/engine/status_pages.ts";
import { STATUS_CONFLICTS_MAX } from "../lib/limits.ts";
import { formatDuration } from "../lib/wire/duration.ts";
import { jsonText } from "../lib/wire/json.ts";
import { counted } from "../lib/wire/counted.ts";

const NAME_COLUMNS = 16;

/** A figure: its name and what there is to say of it. */
type Line = readonly [name: string, text: string];

/** What `xs status` asks for. */
export interface WholeStatus {
  readonly status: Status;
  readonly domains: readonly DomainStatus[];
  /** Those with the most conflicts first. */
  readonly conflicts: readonly ConflictStatus[];
}

/** One line for each thing, its name first, and one for each domain. */
export function statusText({ conflicts, domains, status }: WholeStatus): string {
  const lines = [
    ...processLines(status),
    ...workLines(status),
    ...conflicts.slice(0, STATUS_CONFLICTS_MAX).map(conflictLine),
    ...domains.map(domainLine),
  ];
  return lines.map(([name, text]) => `${name.padEnd(NAME_COLUMNS)} ${text}\n`).join("");
}

function processLines(status: Status): Line[] {
  const { beginning, counts, memory, pid, since, store, uptimeMs, version } = status;
  const uptime = formatDuration(Math.floor(uptimeMs / 1_000) * 1_000);
  const lines: Line[] = [
    ["version", version],
    ["pid", `${pid}`],
    ["since", `${since} (${uptime})`],
    ["started", beginning.text],
    ["persist", store.persist],
  ];
  if (store.path !== null) {
    lines.push(["store", store.path]);
    for (const { name, bytes } of store.files) lines.push(["store file", `${name} ${size(bytes)}`]);
    lines.push(["journal", size(store.journalBytes)]);
  }
  lines.push(["history", historyText(status.history)]);
  for (const [name, count] of Object.entries(counts)) lines.push([name, `${count}`]);
  for (const [name, bytes] of Object.entries(memory)) lines.push([`memory ${name}`, size(bytes)]);
  return lines;
}

function historyText(history: Status["history"]): string {
  if (history === null) return "off";
  const { ageMaxMs, bytes, bytesMax, since } = history;
  const from = since === null ? "empty" : `since ${since}`;
  return `${from}, ${size(bytes)} (at most ${size(bytesMax)}, ${formatDuration(ageMaxMs)})`;
}

function workLines({ busiest, work }: Status): Line[] {
  const { requests, requestsPerSecond, waitP50Ms, waitP99Ms, worstTurn } = work;
  const lines: Line[] = [
    ["turns", `${work.turns}`],
    ["units of work", `${work.units}`],
    ["requests", `${requests} (${requestsPerSecond} a second)`],
  ];
  if (waitP50Ms !== null && waitP99Ms !== null) {
    lines.push(["answers within", `${waitP50Ms} ms (half), ${waitP99Ms} ms (99 %)`]);
  }
  if (worstTurn !== null) {
    const { agoMs, client, ms, phase } = worstTurn;
    const ago = formatDuration(Math.floor(agoMs / 1_000) * 1_000);
    const whose = client === "" ? "" : `, for ${client}`;
    lines.push(["worst turn", `${ms} ms, most of it ${phase}, ${ago} ago${whose}`]);
  }
  for (const { client, units } of busiest) lines.push(["busiest", `${units} ${client}`]);
  return lines;
}

/** Who made whose transactions fail: both are named by the daemon, which knows their processes or domids. */
function conflictLine({ by, count, facet, loser, path }: ConflictStatus): Line {
  const commits = counted(count, "commit");
  return [
    "conflicts",
    `${commits} of ${loser} refused because of ${by}, last: ${facet} of ${path}`,
  ];
}

function domainLine({ domid, name, quotas }: DomainStatus): Line {
  const used: string[] = [];
  let refused = 0;
  for (const [quota, use] of Object.entries(quotas)) {
    const percent = percentOf(use);
    // Of the soft quota the one for the same bytes tells enough, unless it is exceeded.
    if (percent !== null && (quota !== "soft-memory" || percent > 100)) {
      used.push(`${quota} ${percent}%`);
    }
    refused += use.refused;
  }
  const title = name === null ? "" : `${jsonText(name)}: `;
  const refusals = refused === 0 ? "" : `; ${counted(refused, "request")} refused`;
  return [`domain ${domid}`, `${title}${used.join(", ") || "no quotas"}${refusals}`];
}

/** How much of a quota is used, in whole percent; null where nothing is counted or allowed without bound. */
export function percentOf(
  { limit, used }: { readonly limit: number | null; readonly used: number | null },
): number | null {
  return used === null || limit === null ? null : Math.floor(100 * used / limit);
}

/** A number of bytes for people. */
function size(bytes: number): string {
  if (bytes < 10_000) return `${bytes} bytes`;
  return bytes < 10_000_000
    ? `${(bytes / 1024).toFixed(0)} KiB`
    : `${(bytes / 1_048_576).toFixed(1)} MiB`;
}
