/** A daemon's engine, journal and history in tests of what a kill leaves: see recorded_engine.ts. */
import { assert } from "@std/assert";
import { type Clock, systemClock } from "../../lib/clock.ts";
import type { Engine } from "../../lib/engine/engine.ts";
import type { History } from "../../lib/history/history.ts";
import type { HistoryRecord } from "../../lib/history/record.ts";
import type { StoreJournal } from "../../lib/journal/store_journal.ts";
import type { HistoryKeeper } from "../../lib/server/history/history_keeper.ts";
import { subtree } from "../../lib/store/lookup.ts";
import { Client } from "../support/engine_client.ts";
import { openRecorded, type RecordedEngineOptions } from "../support/recorded_engine.ts";
import { lines, listed } from "./support.ts";

/** So small that turns go to the store file again and again. */
const TAIL_BYTES = 16_384;

let wall = 1_700_000_000_000_000;
/** A clock by which records come so slowly that none is folded. */
const SLOW: Clock = { ...systemClock, wall: () => wall += 1_000_000 };

/** A daemon's engine, journal and history, without its sockets. */
export class RecordedLife {
  readonly journal: StoreJournal;
  readonly keeper: HistoryKeeper | null;
  readonly engine: Engine;
  readonly clients: Client[];
  /** The store after each committed number. */
  readonly trees = new Map<number, string[]>();
  readonly said: string[] = [];

  constructor(path: string, options: RecordedEngineOptions = {}) {
    const log = (_: string, text: string): void => void this.said.push(text);
    const recorded = openRecorded(path, { log, clock: SLOW, tailBytes: TAIL_BYTES, ...options });
    this.journal = recorded.journal;
    this.keeper = recorded.keeper;
    this.engine = recorded.engine;
    this.clients = [0, 0].map((domid) => new Client(this.engine, domid));
    this.turn();
    // The first keyframe is written.
    while (this.keeper?.maintain(true) === true);
  }

  get history(): History {
    assert(this.keeper!.history !== null, this.said.join("\n"));
    return this.keeper!.history!;
  }

  turn(): void {
    assert(this.journal.commit());
    if (this.keeper !== null) this.trees.set(this.history.last, this.nodes());
  }

  nodes(): string[] {
    const { specials, tree } = this.engine.state;
    return lines([...specials, ...subtree(tree.root)]);
  }

  /** Copies the files as a kill leaves them. */
  copyTo(path: string): void {
    for (const end of ["", "-wal", ".tail", ".history", ".history-wal"]) {
      Deno.copyFileSync(`${this.#path}${end}`, `${path}${end}`);
    }
  }

  get #path(): string {
    return this.history.path.replace(/\.history$/, "");
  }

  end(): void {
    this.journal.close();
    this.keeper?.close();
  }
}

/** All records of a history, as plain data. */
export function listedPlain(history: History): HistoryRecord[] {
  // `...` decodes the changes before the clone, since they share buffers.
  return structuredClone(listed(history).map((record) => ({ ...record })));
}
