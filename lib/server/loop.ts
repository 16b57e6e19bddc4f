import { type Clock, sleep } from "../clock.ts";
import { Epoll, EPOLLIN, Waker } from "../../ffi/epoll.ts";
import {
  BLOCKING_WAIT_MS,
  COMMIT_RETRY_MS,
  DAEMON_JS_TURN_MS,
  EPOLL_EVENTS_MAX,
  JS_TURN_MS,
  LINGER_MS,
  PARK_MS_MAX,
  SPIN_POLLS_MAX,
} from "../limits.ts";
import type { Heartbeat } from "./process/heartbeat.ts";
import { Spin } from "./loop/spin.ts";
import type { Turns } from "./scheduler.ts";

/** How the loop waits. */
export interface LoopPolicy {
  /** Empty polls at most before a wait; 0 for none. */
  readonly spinPolls: number;
  /** Longest wait on the main thread, in ms. */
  readonly blockingWaitMs: number;
  /** How long without traffic before it parks on a helper thread, in ms. */
  readonly lingerMs: number;
  /** How long it serves under load without a turn for JavaScript's own events, in ms. */
  readonly burstMs: number;
}

/** For a process that does nothing else: fastest answers. */
export const DAEMON_POLICY: LoopPolicy = {
  spinPolls: SPIN_POLLS_MAX,
  blockingWaitMs: BLOCKING_WAIT_MS,
  lingerMs: LINGER_MS,
  burstMs: DAEMON_JS_TURN_MS,
};

/** For a server inside another program: never holds its JavaScript up. */
export const EMBEDDED_POLICY: LoopPolicy = {
  spinPolls: 0,
  blockingWaitMs: 0,
  lingerMs: 0,
  burstMs: JS_TURN_MS,
};

/** Takes the events of the descriptors that the loop itself knows nothing of. */
export interface EventSink {
  /** Descriptor `fd` has the epoll bits `events`. */
  event(fd: number, events: number): void;
  /** All events of one wait between two turns have been reported. */
  eventsDone(): void;
}

/**
 * Turns the turns: synchronously while there is traffic, with a turn for JavaScript's own events
 * (signals) every few ms, and parked at no cost when idle.
 */
export class Loop {
  readonly epoll: Epoll = new Epoll(EPOLL_EVENTS_MAX, true);
  readonly #turns: Turns;
  readonly #policy: LoopPolicy;
  readonly #spin: Spin;
  readonly #waker = new Waker();
  #sink: EventSink | null = null;
  /** Who is to hear that the loop comes round. */
  heartbeat: Pick<Heartbeat, "beat" | "dueAt"> | null = null;
  #parked = false;
  #stopping = false;
  #trafficAt = 0;

  constructor(turns: Turns, policy: LoopPolicy, private readonly clock: Clock) {
    this.#turns = turns;
    this.#policy = policy;
    this.#spin = new Spin(policy.spinPolls);
    this.epoll.add(this.#waker.fd, EPOLLIN);
    turns.onPending = () => {
      if (this.#parked) this.#waker.wake();
    };
    turns.look = () => this.#report(this.epoll.look());
  }

  /** Runs until {@link stop}. */
  async run(sink: EventSink): Promise<void> {
    this.#sink = sink;
    // The caller sets up its signals before the first client is served.
    await javaScriptTurn();
    this.#trafficAt = this.clock.now();
    while (!this.#stopping) {
      this.heartbeat?.beat(this.clock.now());
      const idle = this.#burst();
      if (this.#stopping) break;
      if (this.#turns.held) await sleep(this.clock, COMMIT_RETRY_MS);
      else if (idle) await this.#park();
      else await javaScriptTurn();
    }
    this.discard();
  }

  /** Lets {@link run} end after the current turn. */
  stop(): void {
    this.#stopping = true;
    if (this.#parked) this.#waker.wake();
  }

  /** Releases a loop that was never run. */
  discard(): void {
    this.#waker.close();
    this.epoll.close();
  }

  /** Turns until JavaScript is due, or (true) until there was no traffic for a while. */
  #burst(): boolean {
    const { clock } = this;
    const due = clock.now() + this.#policy.burstMs;
    for (;;) {
      const count = this.#wait();
      const now = clock.now();
      if (count > 0) this.#dispatch(count);
      if (count > 0 || this.#turns.pending || now >= this.#turns.lookAt) {
        this.#turns.turn(now);
        this.#turns.maintain(false);
        this.#trafficAt = now;
      } else if (this.#turns.maintain(true)) {
        this.#trafficAt = now;
      } else if (now - this.#trafficAt >= this.#policy.lingerMs) {
        return true;
      }
      if (now >= due || this.#stopping || this.#turns.held) return false;
    }
  }

  #wait(): number {
    if (this.#turns.pending) return this.epoll.wait(0);
    const count = this.#spin.wait(this.epoll);
    return count > 0 ? count : this.epoll.wait(this.#policy.blockingWaitMs);
  }

  async #park(): Promise<void> {
    this.#parked = true;
    const beatAt = this.heartbeat?.dueAt ?? Infinity;
    const { lookAt, maintainAt } = this.#turns;
    const wait = Math.min(PARK_MS_MAX, Math.min(beatAt, lookAt, maintainAt) - this.clock.now());
    await this.epoll.park(Math.max(0, Math.ceil(wait)));
    this.#parked = false;
  }

  #dispatch(count: number): void {
    this.#spin.found(count, this.epoll.fd(0));
    this.#report(count);
    this.#sink!.eventsDone();
  }

  #report(count: number): void {
    for (let i = 0; i < count; i++) {
      const fd = this.epoll.fd(i);
      if (fd === this.#waker.fd) this.#waker.clear();
      else this.#sink!.event(fd, this.epoll.events(i));
    }
  }
}

/** Lets everything else that waits for the main thread run: signals, timers, promises. */
function javaScriptTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
