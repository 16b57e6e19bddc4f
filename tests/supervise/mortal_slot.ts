import { HeldSlot, type SendBuffer } from "../../lib/transport/held_slot.ts";
import type { SlotMaker } from "../../lib/transport/held_slots.ts";
import type { CrashPoints } from "../support/crash_points.ts";

/** A slot in whose every step the process may die, and which says how the kernel's part went. */
class MortalSlot extends HeldSlot {
  readonly #points: CrashPoints;

  constructor(
    points: CrashPoints,
    memory: ArrayBuffer,
    at: number,
    address: number,
    out: SendBuffer,
  ) {
    super(memory, at, address, out);
    this.#points = points;
  }

  protected override store(word: number, value: number): void {
    this.#points.at(`before slot word ${word}`);
    super.store(word, value);
    this.#points.at(`after slot word ${word}`);
  }

  protected override callReceive(fd: number, header: Uint8Array<ArrayBuffer>): number {
    this.#points.at("before receiving");
    const code = super.callReceive(fd, header);
    this.#points.at("after receiving");
    return code;
  }

  protected override callSend(fd: number, header: Uint8Array<ArrayBuffer>): number {
    this.#points.at("before sending");
    const code = super.callSend(fd, header);
    this.#points.at("after sending");
    return code;
  }
}

/** Makes such slots. */
export function mortalSlots(points: CrashPoints): SlotMaker {
  return (memory, at, address, out) => new MortalSlot(points, memory, at, address, out);
}
