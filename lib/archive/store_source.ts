import type { Connection } from "../engine/connection.ts";
import { State } from "../engine/state.ts";
import { DamagedError } from "../journal/byte_reader.ts";
import { JournalError } from "../journal/database.ts";
import { Restorer } from "../journal/restore.ts";
import { reviveAll } from "../journal/revive.ts";
import { readStore } from "../journal/store_file.ts";
import { type ConnectionIo, snapshot } from "../persist/snapshot.ts";
import type { StateRecord } from "../state/records.ts";
import { type Archive, ArchiveError } from "./archive.ts";
import { OfflineDomains } from "./offline_domains.ts";
import type { StorePoint } from "./store_point.ts";

/**
 * What is in the store file at `path`, now or at a point of the history that it has; the file is not
 * touched, whether or not a daemon runs on it.
 *
 * @throws {ArchiveError} when it can't be read, or its history does not reach back that far.
 */
export function readStoreArchive(path: string, point: StorePoint | null, name: string): Archive {
  const search = new HistorySearch(point);
  let latest: { state: State; restorer: Restorer; domains: OfflineDomains } | null = null;
  const begin = (): Restorer => {
    search.restart();
    const domains: OfflineDomains = new OfflineDomains(
      (domid) => latest?.restorer.domains.get(domid)?.uniqueId ?? (domid === 0 ? 0n : null),
    );
    const state = new State({ domains });
    const restorer = new Restorer(state);
    latest = { state, restorer, domains };
    return restorer;
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
  const { state, restorer, domains } = latest!;
  const records = recordsOf(state, restorer, domains);
  return { name, records, nodesOnly: false, notes: [] };
}

/** All that was persisted, as records. Transactions were lost but for their ids. */
function recordsOf(
  state: State,
  restorer: Restorer,
  domains: OfflineDomains,
): StateRecord[] {
  // The record that every state begins with knows nothing of the unique id that was stored.
  const own = state.domains.get(state.privDomid);
  if (own !== undefined && restorer.domains.has(own.domid)) {
    state.domains.die(own);
    state.domains.forget(own);
  }
  const outbox = { reply: (): void => {}, event: (): void => {} };
  reviveAll(state, restorer, {
    reopen: ({ domid, key, label }, ring) => {
      const connection = state.connect({ kind: "socket", domid, key, label, outbox });
      domains.rings.set(connection, ring);
      return connection;
    },
  });
  const io = (connection: Connection): ConnectionIo => ioOf(domains, connection);
  return [...snapshot(state, { io }).records];
}

function ioOf(domains: OfflineDomains, connection: Connection): ConnectionIo {
  const ring = domains.rings.get(connection);
  const nothing = new Uint8Array(0);
  return {
    fd: -1,
    port: 0,
    input: ring?.partial ?? nothing,
    output: ring?.responses ?? nothing,
    partialResponse: 0,
    ignored: ring?.ignored ?? false,
  };
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
    throw new ArchiveError(`its history begins at ${from} (turn ${this.#firstTurn})`, path);
  }

  #checkTurn(path: string, turn: number): void {
    const first = this.#firstTurn;
    if (first === null) {
      throw new ArchiveError("it has no turns, only its present content", path);
    }
    if (turn < first - 1) {
      throw new ArchiveError(`its history begins at turn ${first - 1}`, path);
    }
    if (this.#refused || this.#lastTurn === turn) return;
    throw new ArchiveError(`its last turn is ${this.#lastTurn}`, path);
  }
}
