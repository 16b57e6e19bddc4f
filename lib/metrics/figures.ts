import type { Operations } from "../client/operations.ts";
import type { Status } from "../engine/status.ts";
import type { DomainStatus, HistogramStatus, RequestStatus } from "../engine/status_pages.ts";
import { readHistograms, readList, readStatus } from "./read_status.ts";

/** All that a daemon counts, as it was when it was asked. */
export interface Figures {
  readonly status: Status;
  readonly domains: readonly DomainStatus[];
  readonly requests: readonly RequestStatus[];
  readonly histograms: Readonly<Record<"turns" | "commits" | "waits", HistogramStatus>>;
}

/** Asks a daemon for all that it counts. @throws {UnknownStatus} for a daemon that does not tell. */
export async function readFigures(nodes: Operations): Promise<Figures> {
  return {
    status: await readStatus(nodes),
    domains: await readList(nodes, "domains"),
    requests: await readList(nodes, "requests"),
    histograms: await readHistograms(nodes),
  };
}
