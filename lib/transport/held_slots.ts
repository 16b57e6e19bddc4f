import { SystemCallError } from "../../ffi/libc.ts";
import { createMemoryFile, fileSize, growFile, mapDescriptor } from "../../ffi/memory_file.ts";
import { viewMemory } from "../../ffi/shared_memory.ts";
import { HELD_SEND_BYTES, HELD_SLOTS_STEP } from "../limits.ts";
import { HeldSlot, type SendBuffer, SLOT_BYTES } from "./held_slot.ts";

/** Bytes before the first slot: a page, of which two words are used. */
const FRONT_BYTES = 4096;
const STEP_BYTES = HELD_SLOTS_STEP * SLOT_BYTES;

const LAYOUT = 0;
const KEY_LAST = 1;

/** Changes with the layout of the file, of a slot, and with the length of its input buffer. */
export const LAYOUT_NUMBER = 0x7873_0001;

/** Keys of held connections; those below are domids, which are the keys of rings. */
export const HELD_KEY_FIRST = 0x1_0000;

/** Makes the slot at an offset of some memory; tests have slots in which the process may die. */
export type SlotMaker = (
  memory: ArrayBuffer,
  at: number,
  address: number,
  out: SendBuffer,
) => HeldSlot;

const makeSlot: SlotMaker = (memory, at, address, out) => new HeldSlot(memory, at, address, out);

/**
 * The slots of all held connections, in a file in memory. Who holds the connections holds the
 * file too, so that it is there as long as they are and no longer, and needs no name.
 */
export class HeldSlots {
  readonly fd: number;
  readonly #front: Uint32Array<ArrayBuffer>;
  readonly #make: SlotMaker;
  readonly #out: SendBuffer;
  readonly #free: HeldSlot[] = [];
  readonly #byKey = new Map<number, HeldSlot>();
  #count = 0;

  private constructor(fd: number, make: SlotMaker) {
    this.fd = fd;
    this.#make = make;
    const out = new Uint8Array(HELD_SEND_BYTES);
    const address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(out));
    this.#out = { bytes: out, address: Number(address) };
    this.#front = new Uint32Array(viewMemory(mapDescriptor(fd, 0, FRONT_BYTES), FRONT_BYTES));
  }

  /** An empty file. @throws {SystemCallError} when there is no memory for it. */
  static make(maker: SlotMaker = makeSlot): HeldSlots {
    const fd = createMemoryFile("xs-held");
    const code = growFile(fd, 0, FRONT_BYTES);
    if (code !== 0) throw new SystemCallError("make room for held connections", code);
    const slots = new HeldSlots(fd, maker);
    slots.#front[LAYOUT] = LAYOUT_NUMBER;
    slots.#front[KEY_LAST] = HELD_KEY_FIRST - 1;
    return slots;
  }

  /** The file of the last life; null when it is not laid out as this version has it. */
  static reopen(fd: number, maker: SlotMaker = makeSlot): HeldSlots | null {
    const size = fileSize(fd);
    if (size < FRONT_BYTES) return null;
    const slots = new HeldSlots(fd, maker);
    if (slots.#front[LAYOUT] !== LAYOUT_NUMBER) return null;
    for (let at = FRONT_BYTES; at + STEP_BYTES <= size; at += STEP_BYTES) slots.#map(at);
    return slots;
  }

  #map(at: number): void {
    const pointer = mapDescriptor(this.fd, at, STEP_BYTES);
    const memory = viewMemory(pointer, STEP_BYTES);
    const address = Number(Deno.UnsafePointer.value(pointer));
    for (let i = 0; i < HELD_SLOTS_STEP; i++) {
      const slot = this.#make(memory, i * SLOT_BYTES, address, this.#out);
      if (slot.key === 0) this.#free.push(slot);
      else this.#byKey.set(slot.key, slot);
    }
    this.#count += HELD_SLOTS_STEP;
  }

  /** A slot for a new connection, with a key that no other has. @throws {SystemCallError} */
  take(origin = 0): HeldSlot {
    if (this.#free.length === 0) this.#grow();
    const slot = this.#free.pop()!;
    slot.begin(this.#nextKey(), origin);
    this.#byKey.set(slot.key, slot);
    return slot;
  }

  #grow(): void {
    const at = FRONT_BYTES + this.#count * SLOT_BYTES;
    const code = growFile(this.fd, at, STEP_BYTES);
    if (code !== 0) throw new SystemCallError("make room for held connections", code);
    this.#map(at);
  }

  #nextKey(): number {
    let key = this.#front[KEY_LAST]!;
    do key = key === 0xffff_ffff ? HELD_KEY_FIRST : key + 1; while (this.#byKey.has(key));
    this.#front[KEY_LAST] = key;
    return key;
  }

  /** The slot of a connection, by its key. */
  find(key: number): HeldSlot | null {
    return this.#byKey.get(key) ?? null;
  }

  /** Gives up a slot at the end of its connection. */
  release(slot: HeldSlot): void {
    this.#byKey.delete(slot.key);
    slot.end();
    this.#free.push(slot);
  }

  /** All slots that belong to some connection. */
  inUse(): HeldSlot[] {
    return [...this.#byKey.values()];
  }
}
