import type { State } from "../../engine/state.ts";
import { DUMP_PINNED_BYTES_MAX, DUMP_RECORD_UNITS, RECORDS_PER_LOOK } from "../../limits.ts";
import {
  type ConnectionIo,
  type Snapshot as StateSnapshot,
  snapshot,
} from "../../persist/snapshot.ts";
import type { Connection } from "../../engine/connection.ts";
import { StreamEncoder } from "../../codec/stream.ts";
import type { Snapshot } from "../../store/snapshots.ts";
import { PAYLOAD_MAX } from "../../wire/header.ts";
import type { Progress, Work, WorkEnd } from "./job.ts";
import { failure, HiddenValueError, OverrunError } from "./failure.ts";

const NOTHING = new Uint8Array(0);

/**
 * A dump, made piece by piece as its client asks for the next bytes: who does not ask costs no more than
 * the snapshot, and nothing waits in memory but the rest of the last piece.
 */
export class DumpWork implements Work {
  readonly progress: Progress;
  readonly #state: State;
  readonly #onEnd: (end: WorkEnd) => void;
  readonly #encoder = new StreamEncoder({ version: 2, endian: "little" });
  readonly #snapshot: Snapshot;
  readonly #payload = new Uint8Array(PAYLOAD_MAX);
  /** Null when all records have been encoded, or it was given up. */
  #captured: StateSnapshot | null;
  /** Encoded and not read: at most a piece of records. */
  #rest: Uint8Array[] = [];
  /** Bytes of {@link #rest}, and of the first of them those that have been read. */
  #left = 0;
  #begun = 0;
  /** Bytes that only the snapshot keeps in memory. */
  #pinned = 0;
  /** Those were too many. */
  #isOverrun = false;

  /**
   * `io` tells what is buffered for a connection; the dump fails at a node of which only the length of its value is known, one of
   * `hidden`.
   */
  constructor(
    state: State,
    domid: number | null,
    io: (connection: Connection) => ConnectionIo,
    hidden: ReadonlySet<string>,
    onEnd: (end: WorkEnd) => void,
  ) {
    this.#state = state;
    this.#onEnd = onEnd;
    const { expected, records } = snapshot(state, domid === null ? { io } : { io, domid });
    const whole = hidden.size === 0 ? records : withoutHidden(records, hidden);
    this.#captured = { expected, records: whole };
    // Of the same moment: it only tells what the captured one keeps in memory.
    this.#snapshot = state.tree.openSnapshot({ pin: (bytes) => this.#pin(bytes) });
    this.progress = { done: 0, expected };
  }

  get bytes(): number {
    return this.#captured === null ? 0 : this.#pinned;
  }

  abandon(): true {
    this.#release();
    this.#rest = [];
    this.#left = 0;
    return true;
  }

  /** As many bytes as fit a reply, valid until the next call; none behind the end. */
  read(): Uint8Array {
    try {
      if (this.#isOverrun) throw new OverrunError(this.#pinned);
      this.#encode();
    } catch (error) {
      this.abandon();
      this.#onEnd(failure(error));
      return NOTHING;
    }
    const bytes = this.#take();
    if (this.#captured === null && this.#left === 0 && bytes.length > 0) {
      const { count, length } = this.#encoder;
      const text = `${count} records, ${length} bytes`;
      this.#onEnd({ status: `done ${text}`, level: "info", text });
    }
    return bytes;
  }

  /** Until there is a reply's worth. */
  #encode(): void {
    const captured = this.#captured;
    if (captured === null || this.#left >= PAYLOAD_MAX) return;
    const { records } = captured;
    const before = this.progress.done;
    while (this.#captured !== null && this.#left < PAYLOAD_MAX) {
      for (let count = 0; count < RECORDS_PER_LOOK; count++) {
        const next = records.next();
        if (next.done === true) {
          this.#encoder.end();
          this.#release();
          break;
        }
        this.#encoder.put(next.value);
        this.progress.done++;
      }
      for (const chunk of this.#encoder.take()) {
        this.#rest.push(chunk);
        this.#left += chunk.length;
      }
    }
    this.#state.meter.add((this.progress.done - before) * DUMP_RECORD_UNITS);
  }

  #take(): Uint8Array {
    const payload = this.#payload;
    let length = 0, used = 0;
    for (const chunk of this.#rest) {
      const piece = chunk.subarray(this.#begun, this.#begun + payload.length - length);
      payload.set(piece, length);
      length += piece.length;
      this.#begun += piece.length;
      if (this.#begun < chunk.length) break;
      this.#begun = 0;
      used++;
    }
    this.#rest.splice(0, used);
    this.#left -= length;
    return payload.subarray(0, length);
  }

  /** The store, in the middle of a change, has replaced what the snapshot still has. */
  #pin(bytes: number): void {
    this.#pinned += bytes;
    if (this.#captured === null) return;
    const isOver = this.#pinned > DUMP_PINNED_BYTES_MAX ||
      this.#state.memory.exceeded(true, this.#pinned);
    if (!isOver) return;
    this.abandon();
    this.#isOverrun = true;
  }

  #release(): void {
    this.#captured = null;
    this.#state.versions.snapshots.drop(this.#snapshot);
  }
}

/** @throws {HiddenValueError} at the first node that is one of `hidden`. */
function* withoutHidden(
  records: StateSnapshot["records"],
  hidden: ReadonlySet<string>,
): StateSnapshot["records"] {
  for (const record of records) {
    if (record.kind === "node" && hidden.has(record.path)) throw new HiddenValueError(record.path);
    yield record;
  }
}
