import type { FrameStream } from "../../lib/client/frames.ts";
import type { Operations } from "../../lib/client/operations.ts";
import type {
  ClientStatus,
  ConflictStatus,
  HistogramStatus,
} from "../../lib/engine/status_pages.ts";
import { readList, readStatus, UnknownStatus } from "../../lib/metrics/read_status.ts";
import { CommandError, OLDER_DAEMON } from "../report.ts";
import { ask } from "../who/read_pages.ts";
import { addClients } from "./client_totals.ts";
import { domainTotals } from "./domain_totals.ts";
import type { Axis, Scene } from "./screen.ts";
import { StreamTotals } from "./stream_totals.ts";
import { ratesBetween, type Totals } from "./totals.ts";
import { WatchSurvey } from "./watch_survey.ts";

/** All that is counted at one moment. */
interface Look {
  /** In ms of the command's clock. */
  readonly at: number;
  readonly turns: number;
  readonly commits: HistogramStatus;
  readonly conflicts: readonly ConflictStatus[];
  readonly rows: ReadonlyMap<string, Totals>;
}

/** Looks at a daemon again and again, and says what happened between two looks. */
export class Sampler {
  readonly #nodes: Operations;
  readonly #openStream: () => Promise<FrameStream>;
  #before: Look | null = null;
  #axis: Axis | null = null;
  #stream: FrameStream | null = null;
  #totals = new StreamTotals();
  readonly #watches: WatchSurvey;
  /** Why the stream has ended; null while it has not. */
  #failure: unknown = null;

  constructor(nodes: Operations, openStream: () => Promise<FrameStream>) {
    this.#nodes = nodes;
    this.#watches = new WatchSurvey(nodes);
    this.#openStream = openStream;
  }

  /** What happened since the last look on this axis; all rates are 0 at the first one. */
  async look(axis: Axis): Promise<Scene> {
    if (axis !== this.#axis) await this.#turnTo(axis);
    if (this.#failure !== null) throw this.#failure;
    const nodes = this.#nodes;
    try {
      const [status, conflicts, histograms] = await Promise.all([
        readStatus(nodes),
        readList(nodes, "conflicts"),
        ask(nodes, ["status", "histograms"]),
      ]);
      const commits: HistogramStatus = JSON.parse(histograms).commits;
      const rows = await this.#rows(axis, conflicts);
      const at = nodes.session.clock.now();
      const now: Look = { at, turns: status.work.turns, commits, conflicts, rows };
      const before = this.#before ?? now;
      this.#before = now;
      this.#totals.forgetEnded();
      const seconds = Math.max(0.001, (now.at - before.at) / 1_000);
      const commitCount = commits.count - before.commits.count;
      return {
        status,
        rows: ratesBetween(before.rows, rows, seconds),
        commitMs: commitCount === 0 ? null : (commits.sumMs - before.commits.sumMs) / commitCount,
        turnsPerSecond: (now.turns - before.turns) / seconds,
        conflicts: risen(before.conflicts, conflicts, seconds),
        lost: this.#totals.lost,
      };
    } catch (error) {
      if (!(error instanceof UnknownStatus)) throw error;
      throw new CommandError(OLDER_DAEMON);
    }
  }

  async #rows(axis: Axis, conflicts: readonly ConflictStatus[]): Promise<Map<string, Totals>> {
    const nodes = this.#nodes;
    switch (axis) {
      case "domains":
        return await domainTotals(nodes);
      case "processes": {
        const clients = await this.#clients();
        const rows = copyOf(this.#totals.processes);
        addClients(rows, clients);
        addCaused(rows, conflicts);
        return rows;
      }
      case "paths": {
        if (this.#totals.mayHaveMissed) await this.#clients();
        await this.#watches.look();
        const rows = copyOf(this.#totals.paths);
        this.#watches.addTo(rows);
        return rows;
      }
    }
  }

  /** Lists the daemon's clients. Rows of other clients go once they were shown, even if the stream has lost their end. */
  async #clients(): Promise<readonly ClientStatus[]> {
    const totals = this.#totals, before = totals.connections();
    const clients = await readList(this.#nodes, "clients");
    totals.forgetUnknown(before, new Set(clients.map(({ connection }) => connection)));
    return clients;
  }

  /** Only what the domains' counters do not tell is traced. */
  async #turnTo(axis: Axis): Promise<void> {
    this.#axis = axis;
    this.#before = null;
    if (axis === "domains") return this.close();
    if (this.#stream !== null) return;
    this.#totals = new StreamTotals();
    const stream = this.#stream = await this.#openStream();
    this.#totals.read(stream).catch((error) => {
      this.#failure = error;
    });
  }

  close(): void {
    this.#stream?.close();
    this.#stream = null;
  }
}

/** They go on being counted while this one is compared. */
function copyOf(rows: ReadonlyMap<string, Totals>): Map<string, Totals> {
  return new Map(
    [...rows].map(([key, row]) => [key, { ...row, requests: new Map(row.requests) }]),
  );
}

/** Whose commits a process has made fail is known by its connections' names in the log. */
function addCaused(rows: Map<string, Totals>, conflicts: readonly ConflictStatus[]): void {
  for (const { by, count } of conflicts) {
    const pid = /\(pid (\d+)/.exec(by)?.[1];
    const row = rows.get(pid === undefined ? by : `pid ${pid}`);
    if (row !== undefined) row.caused += count;
  }
}

function risen(
  before: readonly ConflictStatus[],
  now: readonly ConflictStatus[],
  seconds: number,
): Scene["conflicts"] {
  const old = new Map(before.map(({ by, count, loser }) => [`${loser}\0${by}`, count]));
  return now.map((pair) => ({
    ...pair,
    perSecond: Math.max(0, pair.count - (old.get(`${pair.loser}\0${pair.by}`) ?? 0)) / seconds,
  }))
    .filter(({ perSecond }) => perSecond > 0)
    .sort((a, b) => b.perSecond - a.perSecond);
}
