/** Purges of a daemon's history: one at a time, in slices between the turns, those behind it in a queue. */
import { HISTORY_PURGE_ENDS_REMEMBERED, HISTORY_PURGES_MAX } from "../../limits.ts";

/** One that was asked for; `end` says how it ended, as its client is told. */
interface Purge {
  readonly paths: readonly string[];
  end: string | null;
}

/** What a purge does, in steps; it returns how many values it has hidden. */
export type PurgeSteps = Iterator<unknown, number>;

/** They go on to their end even if their client is gone: half a purge is of no use to anybody. */
export class Purges {
  readonly #all = new Map<number, Purge>();
  #steps: PurgeSteps | null = null;
  #last = 0;

  /** The first that has not ended. */
  get #current(): Purge | null {
    for (const purge of this.#all.values()) if (purge.end === null) return purge;
    return null;
  }

  get isUnderWay(): boolean {
    return this.#current !== null;
  }

  /** Asks for one: its number, or why not, as the reply's text. */
  begin(paths: readonly string[]): string {
    const waiting = [...this.#all.values()].filter(({ end }) => end === null).length;
    if (waiting >= HISTORY_PURGES_MAX) return `${waiting} purges wait already (try again later)`;
    this.#all.set(++this.#last, { paths, end: null });
    this.#forgetOld();
    return `purge ${this.#last}`;
  }

  #forgetOld(): void {
    for (const [number, { end }] of this.#all) {
      if (this.#all.size <= HISTORY_PURGE_ENDS_REMEMBERED) return;
      if (end !== null) this.#all.delete(number);
    }
  }

  /** `running`, `done` and how many values were hidden, or `failed` and why; null when there is no such one. */
  status(number: string): string | null {
    const purge = this.#all.get(Number(number));
    return purge === undefined ? null : purge.end ?? "running";
  }

  /** Does one step of the first, which begins with `make`. */
  step(make: (paths: readonly string[]) => PurgeSteps): void {
    const purge = this.#current;
    if (purge === null) return;
    this.#steps ??= make(purge.paths);
    const step = this.#steps.next();
    if (step.done === true) this.#end(purge, `done ${step.value}`);
  }

  /** The first cannot go on. */
  fail(why: string): void {
    const purge = this.#current;
    if (purge !== null) this.#end(purge, `failed ${why}`);
  }

  /** None can go on. */
  failAll(why: string): void {
    while (this.isUnderWay) this.fail(why);
  }

  #end(purge: Purge, end: string): void {
    purge.end = end;
    this.#steps = null;
  }
}
