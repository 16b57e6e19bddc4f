import { DEFERRED_REQUESTS_MAX } from "../../limits.ts";
import { joinBytes } from "../../wire/text.ts";
import type { Handled } from "../../engine/engine.ts";

const NOTHING = new Uint8Array(0);

/**
 * The requests of one client that cannot be handled yet: some deferred while others behind them
 * are handled, or one that holds up all the rest. To the journal they are input like any other.
 */
export class WaitingRequests {
  #deferred: Uint8Array[] = [];
  /** The next request waits where it is, and all others with it. */
  held = false;
  /** The next request has waited, and is tried now, whatever its client has not taken: it is not to choose when. */
  retries = false;

  /** Whether any request waits. */
  get any(): boolean {
    return this.held || this.#deferred.length > 0;
  }

  /** Lets a request wait. False when it stays where it is, because all behind it wait, too. */
  add(message: Uint8Array, how: Handled): boolean {
    if (how === "deferred" && this.#deferred.length < DEFERRED_REQUESTS_MAX) {
      this.#deferred.push(message.slice());
      return true;
    }
    this.held = true;
    return false;
  }

  /** All that was read and not handled, in the order in which it must be handled. */
  before(rest: Uint8Array): Uint8Array {
    return this.#deferred.length === 0 ? rest : joinBytes([...this.#deferred, rest]);
  }

  /** What they wait for has happened: as {@link end}, and the one that was held is tried. */
  release(rest: Uint8Array): Uint8Array | null {
    const { held } = this;
    const bytes = this.end(rest);
    this.retries = held;
    return bytes;
  }

  /** Nothing waits any more. Returns {@link before} of `rest`, if something was deferred. */
  end(rest: Uint8Array = NOTHING): Uint8Array | null {
    const bytes = this.#deferred.length === 0 ? null : this.before(rest);
    this.#deferred = [];
    this.held = this.retries = false;
    return bytes;
  }
}
