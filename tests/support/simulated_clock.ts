import type { Clock, Timer } from "../../lib/clock.ts";

interface Due {
  at: number;
  readonly every: number | null;
  readonly action: () => void;
}

/** A clock that a test sets: nothing happens on it but what {@link advance} comes to. */
export class SimulatedClock implements Clock {
  #now: number;
  #wall: number;
  readonly #due = new Set<Due>();

  /** It begins at `now` ms, and at `wall` microseconds since 1970. */
  constructor(now = 1_000_000, wall = 1_800_000_000_000_000) {
    this.#now = now;
    this.#wall = wall;
  }

  readonly now = (): number => this.#now;

  readonly wall = (): number => this.#wall;

  /** Sets the host's time: that since the start goes on. */
  setWall(wall: number): void {
    this.#wall = wall;
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#due.size;
  }

  /** Lets time pass; what is due in it happens at its time. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const next = [...this.#due].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#goTo(Math.max(this.#now, next.at));
      if (next.every === null) this.#due.delete(next);
      else next.at += next.every;
      next.action();
    }
    this.#goTo(until);
  }

  #goTo(now: number): void {
    this.#wall += Math.round((now - this.#now) * 1_000);
    this.#now = now;
  }

  #add(ms: number, every: number | null, action: () => void): Timer {
    const due = { at: this.#now + ms, every, action };
    this.#due.add(due);
    return { cancel: () => void this.#due.delete(due), unref: () => {} };
  }

  after(ms: number, action: () => void): Timer {
    return this.#add(ms, null, action);
  }

  every(ms: number, action: () => void): Timer {
    return this.#add(ms, ms, action);
  }

  alarm(ms: number, action: () => void): Timer {
    return this.#add(ms, null, action);
  }
}
