import type { Clock } from "../../clock.ts";
import type { CommitListener } from "../../engine/commit_listener.ts";
import type { HistoryStatus } from "../../engine/process_status.ts";
import type { State } from "../../engine/state.ts";
import type { History } from "../../history/history.ts";
import { HistoryError, isWriteError } from "../../history/database.ts";
import { keyframeNodes } from "../../history/keyframe_nodes.ts";
import type { IsAlive } from "../../history/lives.ts";
import { loadPacker, type Packer, PLAIN_PACKER } from "../../history/packing.ts";
import { emptyLog, purge } from "../../history/purge.ts";
import { Recorder, stateOf } from "../../history/recorder.ts";
import type { FindNode } from "../../history/ride_recovery.ts";
import { type Numbers, ReservedNumbers } from "../../history/reserved_numbers.ts";
import { HistoryRider, lastGiven } from "../../history/rider.ts";
import { type HistoryBounds, HistoryUpkeep } from "../../history/upkeep.ts";
import type { Journal } from "../../journal/journal.ts";
import type { Rider, RidingFrom } from "../../journal/rider.ts";
import {
  COMMIT_RETRY_MS,
  HISTORY_LOOK_MS,
  HISTORY_RETRY_MS,
  HISTORY_STEPS_A_BLOCK,
  HISTORY_STEPS_OWED_MAX,
} from "../../limits.ts";
import { lookup } from "../../store/lookup.ts";
import type { Redaction } from "../../store/redaction.ts";
import { type Log, message } from "../logging/log.ts";
import type { DaemonHistory } from "./daemon_history.ts";
import { type HistoryChoice, HistoryFile } from "./history_file.ts";
import { Purges } from "./purges.ts";

/** What a keeper needs. */
export interface KeeperParts {
  readonly choice: HistoryChoice;
  readonly journal: Journal;
  /** The store file; null where there is none. */
  readonly store: string | null;
  readonly redaction: Redaction;
  readonly log: Log;
  readonly clock: Clock;
}

/** A history that is open. */
interface Open {
  readonly history: History;
  readonly rider: HistoryRider;
  readonly upkeep: HistoryUpkeep;
  /** The block that grew when it was last looked at. */
  growing: number;
  /** Slices of upkeep that are due for the blocks recorded so far. */
  owed: number;
  /** What had changed when there was nothing to do. */
  seen: number;
}

/** In the notes about a store: numbers of commits up to this one may have been given. */
const NUMBERS = "commits";

/**
 * Keeps the history of a daemon's store: it records commits, adds the records to the journal's turns, and moves them into the
 * history's file. A failure there loses records at most: the daemon still serves the store.
 */
export class HistoryKeeper implements DaemonHistory, Rider {
  readonly #parts: KeeperParts;
  readonly #recorder: Recorder;
  readonly #file: HistoryFile;
  readonly bounds: HistoryBounds;
  readonly purges = new Purges();
  #packer: Packer = PLAIN_PACKER;
  #state: State | null = null;
  /** What a dead daemon has left in the journal, until the history is open. */
  #recovered: Uint8Array[] = [];
  #open: Open | null = null;
  /** Before it has been opened for the first time: the number behind which numbers are given. */
  #unopened: number | null = null;
  /** Used while it is not open. */
  readonly #reserved: ReservedNumbers;
  /** When to look at it, by the clock; when to open it again, if it is not open. */
  #lookAt = 0;
  #fullSince = Infinity;

  constructor(parts: KeeperParts) {
    const { clock, journal, log, redaction, store } = parts, { ageMs, bytes } = parts.choice;
    this.#parts = parts;
    this.#reserved = new ReservedNumbers(this.#numbers);
    this.bounds = { bytes, age: ageMs * 1_000 };
    this.#recorder = new Recorder({ wall: clock.wall, redaction });
    this.#file = new HistoryFile(store, storeId(journal), log, clock);
    journal.rider = this;
    void this.#loadPacker();
  }

  /** A domain that speaks is known to the engine until it ends. */
  readonly #isAlive: IsAlive = (domid, uniqueId) => {
    const state = this.#state, domain = state?.domains.get(domid);
    if (state === null) return true;
    return domain !== undefined && (uniqueId === null || domain.uniqueId === uniqueId);
  };

  get listener(): CommitListener {
    return this.#recorder;
  }

  /** Null while it cannot be used. */
  get history(): History | null {
    return this.#open?.history ?? null;
  }

  status(): HistoryStatus | null {
    const { history } = this, { age, bytes: bytesMax } = this.bounds;
    if (history === null) return null;
    const at = history.horizon?.at ?? null;
    const since = at === null ? null : new Date(at / 1_000).toISOString();
    return { bytes: history.bytes, bytesMax, ageMaxMs: age / 1_000, since };
  }

  attach(state: State): void {
    this.#state = state;
  }

  async #loadPacker(): Promise<void> {
    this.#packer = await loadPacker();
    this.#open?.history.use(this.#packer);
  }

  recover(bytes: Uint8Array): void {
    this.#recovered.push(bytes.slice());
  }

  /** Nothing of its file is touched before: the store may be refused. */
  begin(from: RidingFrom): void {
    this.#begin((rider) => rider.begin(from, this.#takeRecovered(), this.#find));
    if (this.#open === null) this.#beginWithout(from);
  }

  get at(): number {
    return this.#recorder.at;
  }

  get mark(): number {
    return this.#recorder.last;
  }

  #takeRecovered(): readonly Uint8Array[] {
    const recovered = this.#recovered;
    this.#recovered = [];
    return recovered;
  }

  readonly #find: FindNode = (path) => {
    const node = this.#state === null ? null : lookup(this.#state.tree.root, path);
    return node === null ? null : stateOf(node, this.#parts.redaction.hides(path));
  };

  /** Until the history can be opened, numbers are given that it cannot have. */
  #beginWithout({ mark }: RidingFrom): void {
    const given = lastGiven(this.#numbers.get(), mark);
    this.#unopened = given;
    this.#recorder.begin(given);
    this.#reserveWithout();
  }

  /** The next daemon gives none of these again, although no history has them. */
  #reserveWithout(): void {
    this.#reserved.keepAhead(this.#recorder.last);
  }

  /** Opens it, and with what is missing in it has the store written down. */
  #begin(resume: (rider: HistoryRider, history: History) => void): void {
    const history = this.#file.open(this.#packer);
    this.#lookAt = 0;
    if (history === null) {
      this.#lookAt = this.#parts.clock.now() + HISTORY_RETRY_MS;
      return;
    }
    const rider = this.#newRider(history);
    const upkeep = new HistoryUpkeep(history, this.bounds, this.#isAlive);
    this.#open = { history, rider, upkeep, growing: history.growing, owed: 0, seen: -1 };
    this.#guard(() => {
      resume(rider, history);
      // That of a store which is new comes behind its first record.
      if (history.last > 0 && history.needsKeyframe) this.#beginKeyframe(history);
    });
    // What comes from now on is all that it does not have, also after a kill.
    this.#parts.journal.settle();
  }

  get #numbers(): Numbers {
    const { about } = this.#parts.journal;
    return {
      get: () => Number(about?.get(NUMBERS) ?? 0),
      reserve: (upTo) => {
        try {
          about?.set(NUMBERS, `${upTo}`);
          return true;
        } catch (error) {
          if (!isWriteError(error)) throw error;
          return false;
        }
      },
    };
  }

  #newRider(history: History): HistoryRider {
    const { clock } = this.#parts;
    const rider = new HistoryRider(history, this.#recorder, this.#numbers, clock.wall);
    rider.onKeyframe = () => this.#beginKeyframe(history);
    return rider;
  }

  #beginKeyframe(history: History): void {
    const state = this.#state;
    // The tree may be ahead of what is committed.
    if (state === null || this.#recorder.last !== history.last) return;
    const { specials, tree } = state, { clock, redaction } = this.#parts;
    history.beginKeyframe(clock.wall(), keyframeNodes(tree.snapshot(), specials, redaction));
  }

  take(): Uint8Array<ArrayBuffer> | null {
    const open = this.#open;
    if (open === null) return null;
    try {
      return open.rider.take();
    } catch (error) {
      this.#broke(error);
      return null;
    }
  }

  committed(isCarried: boolean): void {
    const open = this.#open;
    if (open === null) {
      this.#recorder.take();
      return this.#reserveWithout();
    }
    try {
      open.rider.committed(isCarried);
    } catch (error) {
      this.#broke(error);
    }
  }

  settle(turn: number): void {
    this.#guard(({ rider }) => rider.settle(turn));
  }

  #guard(action: (open: Open) => void): void {
    if (this.#open === null) return;
    try {
      action(this.#open);
    } catch (error) {
      this.#broke(error);
    }
  }

  /** Replaces a history that cannot be used any more. */
  #broke(error: unknown): void {
    this.#letGo();
    this.#file.replace(`it cannot be used: ${message(error)}`);
  }

  #letGo(): void {
    this.#open?.history.abandon();
    this.#recorder.folds = null;
    this.purges.failAll("the history cannot be used (the daemon's log says why)");
    this.#open = null;
    this.#lookAt = this.#parts.clock.now() + HISTORY_RETRY_MS;
  }

  /** Whether busy clients must wait: so the file keeps its bound, whatever clients do. */
  get isBehind(): boolean {
    if (this.#open === null || this.#open.owed <= HISTORY_STEPS_OWED_MAX) return false;
    // While the store has no space, or a purge runs, there is no upkeep to wait for.
    return !this.#parts.journal.full && !this.purges.isUnderWay;
  }

  /** Does a slice of upkeep; true when there may be more. Under load it does only the slices that are due. */
  maintain(idle: boolean): boolean {
    const open = this.#open;
    if (this.#parts.journal.full) return this.#giveWay(open);
    this.#fullSince = Infinity;
    if (open === null) return this.#beginAnother();
    // A purge needs the packer to read compressed blocks, and no other upkeep may move records meanwhile.
    if (this.purges.isUnderWay && this.#packer !== PLAIN_PACKER) return this.#purge(open);
    const { growing } = open.history;
    if (growing !== open.growing) {
      open.owed += (growing - open.growing) * HISTORY_STEPS_A_BLOCK;
      open.growing = growing;
    }
    if (open.owed > 0) open.owed--;
    else if (!idle || !this.#mayHaveWork(open)) return false;
    const isMore = this.#step(open);
    // The slices that were due did not suffice: busy clients wait until the file is small enough.
    if (isMore && open.owed === 0 && open.upkeep.isFarBehind) {
      open.owed = HISTORY_STEPS_OWED_MAX + 1;
    }
    return isMore;
  }

  /** A slice of a purge; true, since there may be more. */
  #purge({ history, upkeep }: Open): boolean {
    const { journal } = this.#parts;
    upkeep.giveUp();
    function* steps(paths: readonly string[]): Generator<unknown, number> {
      const count = yield* purge(history, paths);
      try {
        yield* journal.forgetRiding();
      } catch (error) {
        throw new HistoryError(`the store file still has some of it: ${message(error)}`);
      }
      emptyLog(history);
      return count;
    }
    this.#guard(() => {
      try {
        this.purges.step(steps);
      } catch (error) {
        if (!(error instanceof HistoryError)) throw error;
        this.purges.fail(error.message);
      }
    });
    return true;
  }

  #mayHaveWork({ history, seen }: Open): boolean {
    return history.changes !== seen || this.#parts.clock.now() >= this.#lookAt;
  }

  #step(open: Open): boolean {
    const { clock } = this.#parts, { history, upkeep } = open;
    let isMore = false;
    this.#guard(() => {
      if (history.wantsKeyframe) this.#beginKeyframe(history);
      isMore = upkeep.step(clock.wall());
      if (history.keyframes.isTooLarge) this.#file.sayTooLarge(this.bounds.bytes);
    });
    if (isMore || this.#open === null) return isMore;
    open.owed = 0;
    open.seen = history.changes;
    this.#lookAt = clock.now() + HISTORY_LOOK_MS;
    return false;
  }

  /** When to look although nothing happens, by the clock. */
  get maintainAt(): number {
    return this.#lookAt;
  }

  /** There is no space for the store: first the log goes into the file, and if that was not enough, all goes. */
  #giveWay(open: Open | null): boolean {
    const now = this.#parts.clock.now();
    this.purges.failAll("there is no space for the store");
    if (open === null) return false;
    if (this.#fullSince === Infinity) {
      this.#fullSince = now;
      this.#guard(({ history }) => void history.checkpoint());
    } else if (now > this.#fullSince + 2 * COMMIT_RETRY_MS) {
      this.#letGo();
      this.#file.remove("there is no space for the store");
    }
    return false;
  }

  /** Opens the history again when it is time, with a gap for what is missing. */
  #beginAnother(): boolean {
    const { clock } = this.#parts, { last } = this.#recorder;
    if (clock.now() < this.#lookAt) return false;
    this.#begin((rider, history) => {
      // The store has gone on since then.
      rider.recover(this.#takeRecovered(), null);
      history.skipTo(last, clock.wall(), last - (this.#unopened ?? history.last));
      this.#unopened = null;
    });
    return false;
  }

  dropSpare(): void {
    this.#guard(({ history, rider }) => {
      history.dropSpare();
      rider.dropSpare();
    });
  }

  /** Saves what it can, after the journal's end. */
  close(): void {
    this.#guard(({ history }) => history.close());
    this.#open = null;
  }
}

/** Each store counts its commits by itself; one in memory is another each time. */
function storeId({ about }: Journal): string {
  return about?.get("id") ?? crypto.randomUUID();
}
