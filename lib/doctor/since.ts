/** Since when a finding is so: by its evidence, and by the history where there is one. */
import { ArchiveError } from "../archive/archive.ts";
import { askWhole, type HistorySource } from "../archive/past/history_source.ts";
import { XenstoreError } from "../client/error.ts";
import type { Blamed } from "../history/answers.ts";
import { timeJson } from "../history/json.ts";
import { LOCAL_ZONE } from "../history/points.ts";
import { ALL_RECORDS } from "../history/query.ts";
import type { Commit, Kind } from "../history/record.ts";
import { timeText, whoText } from "../history/text.ts";
import { DOCTOR_BLAMES_MAX, DOCTOR_SIZES_MAX } from "../limits.ts";
import { formatDuration } from "../wire/duration.ts";
import type { Finding, Onset } from "./evidence.ts";
import { findReached, NodeSize, OwnedNodes } from "./since_reached.ts";

/** When something became so. Times are in ms since 1970. */
export interface Since {
  /** At the earliest; null where nothing tells. */
  readonly from: number | null;
  /** At the latest. */
  readonly to: number;
  /** What happened then, in words, and the number of its commit; null where that is not known. */
  readonly why: string | null;
  readonly commit: number | null;
}

/** What the history has of one moment. */
interface Happened {
  readonly at: number;
  readonly why: string;
  readonly commit: number;
}

/** Events of domains: how a record's detail names the domain, and the event in words. A release counts as a death. */
const CHANGES = {
  death: [/(?:^|; )domain (\d+)(?: \([^)]*\))? died/g, "died"],
  introduce: [/^domain (\d+), port/g, "was introduced"],
} as const satisfies Partial<Record<Kind, readonly [RegExp, string]>>;

/** Since when each finding is so. All of them were so at `firstLook`, in ms since 1970. */
export async function sinceEach(
  findings: readonly Finding[],
  history: HistorySource,
  firstLook: number,
): Promise<Since[]> {
  const domids = (kind: Onset["kind"]): Set<number> =>
    new Set(
      findings.flatMap(({ onset }) => onset.kind === kind && "domid" in onset ? [onset.domid] : []),
    );
  const past = new Past(history, firstLook);
  await past.readEnds(domids("left"));
  await past.readBeginnings(domids("domain").union(domids("nodes")));
  await past.readReached(findings.map(({ onset }) => onset));
  const found: Since[] = [];
  for (const { onset } of findings) found.push(await past.sinceOf(onset));
  return found;
}

class Past {
  readonly #history: HistorySource;
  readonly #firstLook: number;
  /** The last end and the last introduction of each domain, by domid. */
  readonly #ends = new Map<number, Happened>();
  readonly #beginnings = new Map<number, Happened>();
  readonly #blamed = new Map<string, Happened | null>();
  readonly #reached = new Map<Onset, OwnedNodes | NodeSize>();

  constructor(history: HistorySource, firstLook: number) {
    this.#history = history;
    this.#firstLook = firstLook;
  }

  async readEnds(domids: ReadonlySet<number>): Promise<void> {
    await this.#read(domids, "death", this.#ends);
  }

  async readBeginnings(domids: ReadonlySet<number>): Promise<void> {
    await this.#read(domids, "introduce", this.#beginnings);
  }

  /** Finds since when quotas are nearly reached: those of nodes in one search, those of some large nodes in another. */
  async readReached(onsets: readonly Onset[]): Promise<void> {
    const nodes: OwnedNodes[] = [], sizes: NodeSize[] = [];
    for (const onset of onsets) {
      if (onset.kind === "nodes") {
        const one = new OwnedNodes(onset);
        nodes.push(one);
        this.#reached.set(onset, one);
      } else if (onset.kind === "size" && sizes.length < DOCTOR_SIZES_MAX) {
        const one = new NodeSize(onset.path, onset);
        sizes.push(one);
        this.#reached.set(onset, one);
      }
    }
    const paths = sizes.flatMap(({ patterns }) => patterns);
    await orNothing(() => findReached(this.#history, nodes, {}));
    await orNothing(() => findReached(this.#history, sizes, { paths }));
  }

  /** Finds each domain's last record of a kind. */
  async #read(
    domids: ReadonlySet<number>,
    kind: keyof typeof CHANGES,
    found: Map<number, Happened>,
  ): Promise<void> {
    if (domids.size === 0) return;
    const [pattern, words] = CHANGES[kind];
    const query = { ...ALL_RECORDS, filter: { kind, aborted: false }, backwards: true };
    await orNothing(async () => {
      for await (const answer of this.#history.ask(query)) {
        if (answer.type !== "record" || answer.record.type !== "commit") continue;
        const { at, detail, number } = answer.record;
        for (const [, digits] of detail.matchAll(pattern)) {
          const domid = Number(digits);
          if (!domids.has(domid) || found.has(domid)) continue;
          found.set(domid, { at: at / 1_000, why: `domain ${domid} ${words}`, commit: number });
        }
        if (found.size === domids.size) return;
      }
    });
  }

  async sinceOf(onset: Onset): Promise<Since> {
    switch (onset.kind) {
      case "seen":
        return { from: onset.from, to: onset.to, why: null, commit: null };
      case "domain":
        return this.#notBefore(this.#beginnings.get(onset.domid) ?? null);
      case "nodes":
        return this.#sinceReached(onset, this.#beginnings.get(onset.domid) ?? null);
      case "size":
        return this.#sinceReached(onset, null);
      case "left":
        return this.#sinceLeft(this.#ends.get(onset.domid) ?? null, await this.#blame(onset.path));
    }
  }

  #notBefore(happened: Happened | null): Since {
    const { at = null, commit = null, why = null } = happened ?? {};
    return { from: at, to: this.#firstLook, why, commit };
  }

  #sinceReached(onset: Onset, begun: Happened | null): Since {
    const reached = this.#reached.get(onset)?.reached ?? null;
    if (reached === null) return this.#notBefore(begun);
    const to = Math.min(reached.to ?? Infinity, this.#firstLook);
    if (reached.from !== null) return { ...reached, to: Math.max(to, reached.from) };
    return { ...this.#notBefore(begun), to };
  }

  /** The later one of the domain's end and the node's last change, if both are known. */
  #sinceLeft(end: Happened | null, change: Happened | null): Since {
    if (end === null) return this.#notBefore(change);
    const last = change === null || change.at < end.at ? end : change;
    return { from: last.at, to: last.at, why: last.why, commit: last.commit };
  }

  /** The node's last change; null where the history has none. */
  async #blame(path: string): Promise<Happened | null> {
    const known = this.#blamed.get(path);
    if (known !== undefined) return known;
    if (this.#blamed.size >= DOCTOR_BLAMES_MAX) return null;
    const query = { kind: "blame", path, at: null, recursive: false, deleted: false } as const;
    let happened: Happened | null = null;
    await orNothing(async () => {
      const { answers } = await askWhole(this.#history, query);
      const blamed = answers.find((answer): answer is Blamed => answer.type === "blame");
      const commit = blamed?.between === null ? blamed.commit : null;
      if (commit !== null) happened = changeIn(commit);
    });
    this.#blamed.set(path, happened);
    return happened;
  }
}

function changeIn({ at, author, number }: Commit): Happened {
  return { at: at / 1_000, why: `${whoText(author)} changed it last`, commit: number };
}

/** Ignores a missing history, and one that cannot answer. */
async function orNothing(ask: () => Promise<void>): Promise<void> {
  try {
    await ask();
  } catch (error) {
    const isRefused = error instanceof XenstoreError && error.code !== "ECONNRESET" &&
      error.code !== "ETIMEDOUT";
    if (!isRefused && !(error instanceof ArchiveError)) throw error;
  }
}

/** One line, text; `now` is in ms since 1970. */
export function sinceText({ commit, from, to, why }: Since, now: number): string {
  const at = from ?? to;
  const age = formatDuration(Math.max(0, Math.round((now - at) / 1_000)) * 1_000);
  const bound = from === to ? "" : from === null ? " at the latest" : " at the earliest";
  const because = why === null ? "" : `, when ${why} (#${commit})`;
  return `since ${timeText(at * 1_000, LOCAL_ZONE)} (${age} ago)${bound}${because}`;
}

/** The same for JSON. */
export function sinceJson({ commit, from, to, why }: Since): object {
  const time = (ms: number | null): string | null => ms === null ? null : timeJson(ms * 1_000);
  return { notBefore: time(from), notAfter: time(to), why, commit };
}
