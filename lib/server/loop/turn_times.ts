import type { Counters } from "../../engine/counters.ts";
import { type Phase, PHASES } from "../../engine/last_minute.ts";
import { SLOW_TURN_MS } from "../../limits.ts";

/** What took part in a turn: a client, or work of the daemon's own. */
interface Participant {
  readonly connection: { readonly domid?: number; readonly label?: string };
}

/** What a turn has cost that served nobody. */
const NOBODY: Participant = { connection: {} };

/**
 * How long turns and their parts take. It reads {@link stopwatch} five times a turn, some 30 ns each, and makes
 * nothing.
 */
export class TurnTimes {
  /** The time, in ms with a fraction, since some moment; stands still where nobody measures. */
  stopwatch: () => number = () => 0;
  /** When the present or last turn began, and its parts ended, by the stopwatch. */
  #began = 0;
  #served = 0;
  #committed = 0;
  #answered = 0;
  /** The same by the clock of the turns. */
  #now = 0;
  #requests = 0;
  #late = 0;
  /** The participant that has cost most in the turn, and how much. */
  #costliest = NOBODY;
  #units = 0;
  readonly #counters: Counters;
  readonly #tell: (domid: number, text: string) => void;

  /** `tell` takes a line for the log that domain `domid` has caused. */
  constructor(counters: Counters, tell: (domid: number, text: string) => void) {
    this.#counters = counters;
    this.#tell = tell;
  }

  /** A turn begins, at `now` by the clock of the turns, in ms. */
  begin(now: number): void {
    const { lastMinute, requests } = this.#counters;
    lastMinute.goTo(now);
    this.#now = now;
    this.#requests = requests;
    this.#late = 0;
    this.#units = 0;
    this.#costliest = NOBODY;
    this.#began = this.stopwatch();
  }

  /** A client took part, for so many units. */
  cost(participant: Participant, units: number): void {
    if (units <= this.#units) return;
    this.#units = units;
    this.#costliest = participant;
  }

  /** Of the turn's requests so many were there `ms` before it. */
  late(ms: number, requests: number): void {
    if (requests === 0) return;
    this.#late += requests;
    this.#counters.waits.add(ms, requests);
  }

  /** The turn's requests are handled. */
  served(): void {
    this.#served = this.stopwatch();
  }

  /** What they have changed is durable, or that has failed. */
  committed(): void {
    this.#committed = this.stopwatch();
    this.#counters.commits.add(this.#committed - this.#served);
  }

  /** Their answers have left: the turn is over. */
  answered(): void {
    const counters = this.#counters;
    const answered = this.#answered = this.stopwatch();
    const ms = answered - this.#began;
    counters.turns.add(ms);
    const requests = counters.requests - this.#requests - this.#late;
    if (requests > 0) counters.waits.add(ms, requests);
    if (counters.lastMinute.isWorst(ms)) this.#noteWorst(ms, 0);
    if (ms >= SLOW_TURN_MS) this.#tellSlow(ms, 0);
  }

  /** A slice of the upkeep of the store is done: behind a turn, unless the daemon is `idle`. */
  maintained(idle: boolean): void {
    if (idle) return;
    const upkeep = this.stopwatch() - this.#answered;
    const ms = this.#answered - this.#began + upkeep;
    if (this.#counters.lastMinute.isWorst(ms)) this.#noteWorst(ms, upkeep);
    if (upkeep >= SLOW_TURN_MS) this.#tellSlow(ms, upkeep);
  }

  #noteWorst(ms: number, upkeep: number): void {
    const { label = "" } = this.#costliest.connection;
    this.#counters.lastMinute.noteWorst(ms, this.#longest(upkeep), label, this.#now);
  }

  /** How long each part took, in ms, in the order of {@link PHASES}. */
  #parts(upkeep: number): number[] {
    return [
      this.#served - this.#began,
      this.#committed - this.#served,
      this.#answered - this.#committed,
      upkeep,
    ];
  }

  #longest(upkeep: number): Phase {
    const parts = this.#parts(upkeep);
    return PHASES[parts.indexOf(Math.max(...parts))]!;
  }

  #tellSlow(ms: number, upkeep: number): void {
    const parts = this.#parts(upkeep).map((part, i) => `${PHASES[i]} ${part.toFixed(1)} ms`);
    const { connection: { domid = 0, label = "work of the daemon's own" } } = this.#costliest;
    const whose = this.#units === 0 ? "" : `; most of its work is for ${label}`;
    this.#tell(domid, `turn: it took ${ms.toFixed(1)} ms: ${parts.join(", ")}${whose}`);
  }
}
