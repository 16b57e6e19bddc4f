import type { Clock } from "../clock.ts";
import { type Limits, watchLimits } from "./call.ts";

interface Waiter<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** Calls that wait for something, in the order in which they came, each within its own limits. */
export class Waiters<T> {
  readonly #clock: Clock;
  readonly #expired: (timeout: number) => Error;
  readonly #waiting = new Set<Waiter<T>>();

  /** `expired` makes the error of a call whose time is over; it gets the limit, in ms. */
  constructor(clock: Clock, expired: (timeout: number) => Error) {
    this.#clock = clock;
    this.#expired = expired;
  }

  wait(limits: Limits | undefined): Promise<T> {
    const { promise, reject, resolve } = Promise.withResolvers<T>();
    if (limits?.signal?.aborted === true) {
      reject(limits.signal.reason);
      return promise;
    }
    let end = (): void => {};
    const waiter = {
      resolve: (value: T): void => {
        end();
        resolve(value);
      },
      reject: (error: unknown): void => {
        end();
        reject(error);
      },
    };
    this.#waiting.add(waiter);
    if (limits === undefined) return promise;
    end = watchLimits(limits, this.#clock, (reason) => {
      this.#waiting.delete(waiter);
      reject(reason === null ? this.#expired(limits.timeout!) : reason.abort);
    });
    return promise;
  }

  /** Gives the first call what it waits for; false when none waits. */
  resolveFirst(value: T): boolean {
    for (const waiter of this.#waiting) {
      this.#waiting.delete(waiter);
      waiter.resolve(value);
      return true;
    }
    return false;
  }

  /** Gives all calls the same. */
  resolveAll(value: T): void {
    while (this.resolveFirst(value));
  }

  /** Lets all calls fail. */
  rejectAll(error: unknown): void {
    for (const waiter of [...this.#waiting]) {
      this.#waiting.delete(waiter);
      waiter.reject(error);
    }
  }
}
