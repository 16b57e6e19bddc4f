import type { RingState } from "../../state/ring_state.ts";
import type { RingPosition } from "../../transport/transport.ts";
import type { PeerOutput } from "./peer_output.ts";

/** What there is to tell of a ring. */
export interface News {
  /** Bytes of output that were added; more than there are for all. */
  readonly fresh: number;
  /** Whether nothing told before counts. */
  readonly reset: boolean;
}

/**
 * What of a ring, or of a held socket, the journal has not been told yet. The guest may not learn that bytes were
 * taken, nor see an answer, before the journal knows.
 */
export class RingNews {
  /** It was read, or broke the protocol. */
  #moved = false;
  /** It was introduced, or introduced again, or its output was cut: nothing told before counts. */
  #reset = true;
  /** All bytes ever added to the output when the journal was last told. */
  #addedBefore = 0;

  noteMoved(): void {
    this.#moved = true;
  }

  noteReset(): void {
    this.#reset = true;
  }

  /** The peer has ended by itself, or for good. */
  forget(): void {
    this.#moved = false;
  }

  /** Whether there are any; of a ring that is `open` no longer only its end is news. */
  any(open: boolean, added: number): boolean {
    return this.#moved || open && (this.#reset || added !== this.#addedBefore);
  }

  /** How many bytes of output are new; from now on none of it all is. */
  take(added: number): News {
    // Of a ring told of again all counts that it owes.
    const news = { fresh: this.#reset ? Infinity : added - this.#addedBefore, reset: this.#reset };
    this.#addedBefore = added;
    this.#moved = false;
    this.#reset = false;
    return news;
  }
}

/** How far a ring has been served: with `partial` read and not handled, and `output` owed. */
export function ringState(
  key: number,
  { ignored, requestsTaken, responsesWritten }: RingPosition,
  partial: Uint8Array,
  output: PeerOutput,
  { reset, fresh }: News,
  open: boolean,
): RingState {
  return {
    key,
    requestsTaken,
    partial,
    responsesEnd: (responsesWritten + output.length) >>> 0,
    responses: output.last(Math.min(fresh, output.length)),
    unsent: output.length,
    reset,
    ignored: ignored || !open,
  };
}

/** What a ring is owed that was at `was` when the last life ended, and is at `position` now. */
export function owedOf(
  { responses, responsesEnd }: RingState,
  { responsesWritten }: RingPosition,
): Uint8Array {
  const owed = (responsesEnd - responsesWritten) >>> 0;
  // More than was ever kept: the guest has moved the index, and has only itself to blame.
  return responses.subarray(owed <= responses.length ? responses.length - owed : responses.length);
}
