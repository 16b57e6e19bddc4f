import { RATE_SECONDS, WORST_TURN_SECONDS } from "../limits.ts";
import { BUCKETS_MS, type Histogram } from "./histogram.ts";

/** A part of a turn: requests, commit, the answers' way out, and the upkeep of the store behind it. */
export const PHASES = ["requests", "commit", "answers", "upkeep"] as const;
export type Phase = (typeof PHASES)[number];

/** A turn that took long. */
export interface WorstTurn {
  ms: number;
  /** The part of it that took longest. */
  phase: Phase;
  /** The client whose requests cost most in it; empty for none. */
  client: string;
  /** When it ended, in ms of the turns' clock. */
  at: number;
}

/** What there must be told of: requests so far, and how long their answers took. */
interface Totals {
  readonly requests: number;
  readonly waits: Histogram;
}

/** What has happened within the last minute, second by second. */
export class LastMinute {
  readonly #totals: Totals;
  #second = 0;
  /** By second, each in its place: the worst turn, and the number of requests at its begin. */
  readonly #worst: WorstTurn[] = [];
  readonly #requests: number[] = new Array(WORST_TURN_SECONDS).fill(0);
  /** The counts of waits as they were half a minute ago or less, and before that. */
  #late: number[] = emptyCounts();
  #early: number[] = emptyCounts();

  constructor(totals: Totals) {
    this.#totals = totals;
    for (let i = 0; i < WORST_TURN_SECONDS; i++) {
      this.#worst.push({ ms: 0, phase: "requests", client: "", at: 0 });
    }
  }

  /** Time goes on; `now` is in ms. */
  goTo(now: number): void {
    const second = Math.floor(now / 1_000);
    if (second !== this.#second) this.#roll(second);
  }

  #roll(second: number): void {
    const from = Math.max(this.#second + 1, second - WORST_TURN_SECONDS + 1);
    for (let at = from; at <= second; at++) {
      const place = at % WORST_TURN_SECONDS;
      this.#worst[place]!.ms = 0;
      this.#requests[place] = this.#totals.requests;
    }
    const half = WORST_TURN_SECONDS / 2;
    const halves = Math.floor(second / half) - Math.floor(this.#second / half);
    if (halves > 0) {
      this.#early = halves > 1 ? [...this.#totals.waits.counts] : this.#late;
      this.#late = [...this.#totals.waits.counts];
    }
    this.#second = second;
  }

  /** A turn is over: whether it is this second's worst, which is then to be told by {@link noteWorst}. */
  isWorst(ms: number): boolean {
    return ms > this.#worst[this.#second % WORST_TURN_SECONDS]!.ms;
  }

  noteWorst(ms: number, phase: Phase, client: string, at: number): void {
    const worst = this.#worst[this.#second % WORST_TURN_SECONDS]!;
    worst.ms = ms;
    worst.phase = phase;
    worst.client = client;
    worst.at = at;
  }

  /** The worst turn of the last minute; null if there was none. To be asked behind {@link goTo}. */
  get worst(): WorstTurn | null {
    let worst: WorstTurn | null = null;
    for (const turn of this.#worst) if (turn.ms > (worst?.ms ?? 0)) worst = turn;
    return worst;
  }

  /** Requests a second, over the last whole seconds. */
  get requestsPerSecond(): number {
    const now = this.#requests[this.#second % WORST_TURN_SECONDS]!;
    const then = (this.#second + WORST_TURN_SECONDS - RATE_SECONDS) % WORST_TURN_SECONDS;
    return (now - this.#requests[then]!) / RATE_SECONDS;
  }

  /** How many answers of the last half to whole minute fell into each bucket. */
  get waits(): number[] {
    return this.#totals.waits.counts.map((count, i) => count - this.#early[i]!);
  }
}

function emptyCounts(): number[] {
  return new Array(BUCKETS_MS.length + 1).fill(0);
}
