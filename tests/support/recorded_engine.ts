/** An engine whose store has a journal and a history, as in a daemon, but without its sockets. */
import { type Clock, systemClock } from "../../lib/clock.ts";
import { Engine } from "../../lib/engine/engine.ts";
import type { Durability } from "../../lib/journal/database.ts";
import { openStore } from "../../lib/journal/store_file.ts";
import type { StoreJournal } from "../../lib/journal/store_journal.ts";
import { HistoryKeeper } from "../../lib/server/history/history_keeper.ts";
import { Redaction } from "../../lib/store/redaction.ts";

export interface RecordedEngineOptions {
  readonly durability?: Durability;
  /** The bound of the history; null for none. */
  readonly bytes?: number | null;
  readonly tailBytes?: number;
  /** Of the history. */
  readonly clock?: Clock;
  readonly log?: (level: string, text: string) => void;
}

export interface RecordedEngine {
  readonly engine: Engine;
  readonly journal: StoreJournal;
  readonly keeper: HistoryKeeper | null;
}

/** Opens the store at `path` or makes one, and recovers what is in it. */
export function openRecorded(
  path: string,
  { bytes = 4_000_000, clock = systemClock, durability = "crash", log = () => {}, tailBytes }:
    RecordedEngineOptions = {},
): RecordedEngine {
  const { journal } = openStore(path, {
    durability,
    log,
    ...(tailBytes === undefined ? {} : { tailBytes }),
  });
  const choice = { bytes: bytes ?? 0, ageMs: 7 * 86_400_000 };
  const parts = { choice, journal, store: path, redaction: new Redaction(), log, clock };
  const keeper = bytes === null ? null : new HistoryKeeper(parts);
  const engine = new Engine({
    domains: { info: () => null, open: () => 0, reset: () => {}, close: () => {} },
    dirty: journal.dirty,
    ...(keeper === null ? {} : { listener: keeper.listener }),
  });
  const { state } = engine;
  keeper?.attach(state);
  const recovered = journal.recover(state);
  journal.begin({ state, rings: () => [] });
  state.commits?.started(recovered === null ? "nothing" : "death");
  return { engine, journal, keeper };
}
