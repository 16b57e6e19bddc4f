/**
 * The time, and waiting for it. This is the only file that asks the runtime for either: everything
 * else is given a {@link Clock}, from the top of the program, and tests give one that they set.
 */

/** Something that will happen. */
export interface Timer {
  /** It will not happen; without effect if it has. */
  cancel(): void;
  /** The process may end before it happens. */
  unref(): void;
}

/** What tells the time, and calls at a time. */
export interface Clock {
  /** Milliseconds, with a fraction, since some moment; it only goes forward, whatever the host's clock does. */
  now(): number;
  /** The host's time: whole microseconds since 1970. It may be set, back as well. */
  wall(): number;
  /** Calls `action` once, `ms` from now. */
  after(ms: number, action: () => void): Timer;
  /** Calls `action` every `ms`, and keeps no process from ending. */
  every(ms: number, action: () => void): Timer;
  /**
   * As {@link after}, for a client that is quick: with the first timer of the other kind the runtime
   * loads 5 ms of modules, a sixth of `xs read`.
   */
  alarm(ms: number, action: () => void): Timer;
}

/** Longest delay of a timer, in ms (24 days). */
export const TIMER_MS_MAX: number = 2 ** 31 - 1;

/** Resolves `ms` from now. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}

/** The host's time, in whole milliseconds since 1970. */
export function wallMs(clock: Clock): number {
  return Math.floor(clock.wall() / 1_000);
}

/** The host's time. */
export function wallDate(clock: Clock): Date {
  return new Date(wallMs(clock));
}

/** {@link Clock.wall} when {@link Clock.now} was 0, in ms; see {@link wallMicroseconds}. */
let wallAtZero = 0;

/**
 * The runtime tells the host's time in whole milliseconds, and the time since its start in microseconds:
 * the second is used within the milliseconds of the first.
 */
function wallMicroseconds(): number {
  const date = Date.now(), now = performance.now();
  const wall = wallAtZero + now;
  if (wall < date) wallAtZero = date - now;
  else if (wall >= date + 1) wallAtZero = date + 0.999 - now;
  return Math.floor((wallAtZero + now) * 1_000);
}

/** This machine's. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: wallMicroseconds,
  after: (ms, action) => {
    const timer = setTimeout(action, Math.min(ms, TIMER_MS_MAX));
    return { cancel: () => clearTimeout(timer), unref: () => Deno.unrefTimer(timer) };
  },
  every: (ms, action) => {
    const timer = setInterval(action, ms);
    Deno.unrefTimer(timer);
    return { cancel: () => clearInterval(timer), unref: () => {} };
  },
  alarm: (ms, action) => {
    const signal = AbortSignal.timeout(Math.min(Math.ceil(ms), TIMER_MS_MAX));
    signal.addEventListener("abort", action);
    // This keeps the signal, which would else be collected with its timer.
    return { cancel: () => signal.removeEventListener("abort", action), unref: () => {} };
  },
};
