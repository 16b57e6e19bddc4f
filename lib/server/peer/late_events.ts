import { HEADER_SIZE } from "../../wire/header.ts";
import { toText } from "../../wire/text.ts";
import type { MessageBounds, Move, Span } from "./message_bounds.ts";
import type { MessageEncoder } from "./message_encoder.ts";
import type { RepeatedEvents } from "./repeated_events.ts";

/**
 * Drops the events of one client's output whose time is over at `now` and that have not been sent in part.
 * Returns how many they were, and tells their paths.
 */
export function dropLate(
  bytes: MessageEncoder,
  events: RepeatedEvents,
  unsent: MessageBounds,
  now: number,
  tell: (path: string) => void,
): number {
  const { begun, partial, sent } = bytes;
  const gone = unsent.takeDue(now, sent, partial > 0);
  if (gone.length === 0) return 0;
  const before = bytes.last(begun + bytes.length);
  const first = sent - begun;
  for (const { from } of gone) tell(pathAt(before, from - first + HEADER_SIZE));
  bytes.clear();
  const offset = bytes.sent - sent;
  bytes.addBytes(without(before, gone, first), partial, begun);
  unsent.move(mover(gone, offset));
  events.move(mover(gone, offset));
  return gone.length;
}

/** The path of an event whose payload begins at `from`. */
function pathAt(bytes: Uint8Array, from: number): string {
  return toText(bytes, from, bytes.indexOf(0, from));
}

/** What is left of `bytes`, the first of which is the `first`th, without those gone. */
function without(bytes: Uint8Array, gone: readonly Span[], first: number): Uint8Array {
  const rest = new Uint8Array(bytes.length);
  let [at, done] = [0, 0];
  for (const { from, to } of [...gone, { from: first + bytes.length, to: 0 }]) {
    const piece = bytes.subarray(done, from - first);
    rest.set(piece, at);
    at += piece.length;
    done = to - first;
  }
  return rest.subarray(0, at);
}

/** Ends of messages, asked for as they rise, when some are gone and all others are moved by `offset`. */
function mover(gone: readonly Span[], offset: number): Move {
  let [next, cut] = [0, 0];
  return (end) => {
    for (; next < gone.length && gone[next]!.to < end; next++) {
      cut += gone[next]!.to - gone[next]!.from;
    }
    return gone[next]?.to === end ? -1 : end - cut + offset;
  };
}
