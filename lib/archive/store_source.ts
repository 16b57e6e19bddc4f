import { DamagedError } from "../codec/journal/byte_reader.ts";
import { JournalError } from "../journal/database.ts";
import { Replay } from "../journal/replay.ts";
import { readStore } from "../journal/store_file.ts";
import { nodeRecords } from "../state/node_records.ts";
import type { StateRecord } from "../state/records.ts";
import type { Holding, StoreRecords } from "../state/store_records.ts";
import { emptyTree } from "../state/checked_records.ts";
import type { Draft } from "../store/draft.ts";
import { ROOT_PATH } from "../store/path.ts";
import { type Archive, ArchiveError } from "./archive.ts";
import type { StorePoint } from "./store_point.ts";

/**
 * What is in the store file at `path`, now or at a point of the history that it has; the file is not
 * touched, whether or not a daemon runs on it.
 *
 * @throws {ArchiveError} when it cannot be read, or its history does not reach back that far.
 */
export function readStoreArchive(path: string, point: StorePoint | null, name: string): Archive {
  const search = new HistorySearch(point);
  let latest: { tree: Draft; replay: Replay } | null = null;
  const begin = (): Replay => {
    search.restart();
    const tree = emptyTree(), replay = new Replay(tree);
    latest = { tree, replay };
    return replay;
  };
  try {
    readStore(path, begin, (turn, at) => search.accepts(turn, at));
  } catch (error) {
    if (error instanceof DamagedError) {
      throw new ArchiveError(`the store file is damaged: ${error.message}`, path);
    }
    if (error instanceof JournalError) throw new ArchiveError(error.message);
    throw error;
  }
  search.check(path);
  const { replay, tree } = latest!;
  const records = [...recordsOf(replay.records(), tree)];
  return { name, records, nodesOnly: false, notes: [] };
}

/** All that was persisted, connections numbered as they come. Transactions were lost but for their ids. */
function* recordsOf(all: StoreRecords, tree: Draft): Generator<StateRecord, void> {
  if (all.quota !== null) yield all.quota;
  yield* all.settings.values();
  yield* all.domains.values();
  let id = 0;
  for (const holding of inOrder(all)) yield* heldRecords(holding, ++id);
  yield* nodeRecords(tree.root, ROOT_PATH);
  yield* all.specials.values();
}

/** Rings in the order of their domains, then sockets. */
function* inOrder({ connections, domains }: StoreRecords): Generator<Holding, void> {
  for (const domid of domains.keys()) {
    const ring = connections.get(domid);
    if (ring !== undefined) yield ring;
  }
  for (const holding of connections.values()) {
    if (holding.record.end.kind === "socket") yield holding;
  }
}

function* heldRecords(
  { record, transactions, watches }: Holding,
  id: number,
): Generator<StateRecord, void> {
  yield { ...record, id };
  for (const watch of watches.values()) yield { ...watch, connection: id };
  for (const transaction of transactions.values()) yield { ...transaction, connection: id };
}

/** Finds where to stop reading turns, and whether that is where the user wants to be. */
class HistorySearch {
  #firstTurn: number | null = null;
  #firstAt = 0;
  #lastTurn = 0;
  #accepted = 0;
  #refused = false;

  constructor(private readonly point: StorePoint | null) {}

  restart(): void {
    this.#firstTurn = null;
    this.#accepted = 0;
    this.#refused = false;
  }

  accepts(turn: number, at: number): boolean {
    if (this.#firstTurn === null) {
      this.#firstTurn = turn;
      this.#firstAt = at;
    }
    const { point } = this;
    const within = point === null ||
      (point.kind === "turn" ? turn <= point.turn : at * 1_000 <= point.at);
    if (within) {
      this.#accepted++;
      this.#lastTurn = turn;
    } else this.#refused = true;
    return within;
  }

  /** @throws {ArchiveError} when the point is not in the history that there is. */
  check(path: string): void {
    const { point } = this;
    if (point === null) return;
    if (point.kind === "turn") return this.#checkTurn(path, point.turn);
    if (this.#accepted > 0 || (point.isBeginning && this.#firstTurn === 1)) return;
    if (this.#firstTurn === null) {
      throw new ArchiveError("it has no history, only its present content", path);
    }
    const from = new Date(this.#firstAt).toISOString();
    throw new ArchiveError(
      `this point is too early: its history begins at ${from} (turn ${this.#firstTurn})`,
      path,
    );
  }

  #checkTurn(path: string, turn: number): void {
    const first = this.#firstTurn;
    if (first === null) {
      throw new ArchiveError("it has no turns, only its present content", path);
    }
    if (turn < first - 1) {
      throw new ArchiveError(
        `turn ${turn} is too early: its history begins at turn ${first - 1}`,
        path,
      );
    }
    if (this.#refused || this.#lastTurn === turn) return;
    throw new ArchiveError(`its last turn is ${this.#lastTurn}`, path);
  }
}
