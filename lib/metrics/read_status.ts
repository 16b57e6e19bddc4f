import { XenstoreError } from "../client/error.ts";
import type { Operations } from "../client/operations.ts";
import type { RingFacts } from "../engine/operations/insight.ts";
import type { Status } from "../engine/status.ts";
import type { Page } from "../engine/pages.ts";
import type {
  ClientStatus,
  ConflictStatus,
  DomainStatus,
  HistogramStatus,
  RequestStatus,
} from "../engine/status_pages.ts";

/** The lists that a daemon tells page by page. */
interface Lists {
  readonly domains: DomainStatus;
  readonly requests: RequestStatus;
  readonly conflicts: ConflictStatus;
  readonly clients: ClientStatus;
}

/** The daemon does not know what it is asked for: it is another one, or an older `xs`. */
export class UnknownStatus extends Error {
  override readonly name = "UnknownStatus";
}

async function askStatus(nodes: Operations, ...words: readonly string[]): Promise<string> {
  try {
    return await nodes.control("status", ...words);
  } catch (error) {
    if (!(error instanceof XenstoreError) || error.code !== "EINVAL") throw error;
    throw new UnknownStatus();
  }
}

/** What the daemon tells of itself. @throws {UnknownStatus} */
export async function readStatus(nodes: Operations): Promise<Status> {
  return JSON.parse(await askStatus(nodes));
}

/** One of its lists, whole; what changes meanwhile is there as it was or as it is. @throws {UnknownStatus} */
export async function readList<K extends keyof Lists>(
  nodes: Operations,
  what: K,
): Promise<Lists[K][]> {
  const rows: Lists[K][] = [];
  const ask = (from: string): Promise<string> => askStatus(nodes, what, from);
  for await (const page of readPages<Lists[K]>(ask, "0")) rows.push(...page.rows);
  return rows;
}

/** The pages of a list; `ask` gives the page that begins at a place. @throws {UnknownStatus} */
export async function* readPages<T>(
  ask: (from: string) => Promise<string>,
  first = "",
): AsyncGenerator<Page<T>, void> {
  for (let from: string | null = first; from !== null;) {
    const page: Page<T> = JSON.parse(await ask(from));
    yield page;
    if (page.next === from) throw new UnknownStatus();
    from = page.next;
  }
}

/** How long its turns, commits and answers took. @throws {UnknownStatus} */
export async function readHistograms(
  nodes: Operations,
): Promise<Readonly<Record<"turns" | "commits" | "waits", HistogramStatus>>> {
  return JSON.parse(await askStatus(nodes, "histograms"));
}

/** A domain's ring: what the daemon says of it, and the page as it is. @throws {XenstoreError} */
export async function readRing(
  nodes: Operations,
  domid: number,
): Promise<{ readonly facts: RingFacts; readonly page: Uint8Array }> {
  const reply = await nodes.controlBytes("ring", `${domid}`), nul = reply.indexOf(0);
  const facts: RingFacts = JSON.parse(new TextDecoder().decode(reply.subarray(0, nul)));
  return { facts, page: reply.subarray(nul + 1) };
}
