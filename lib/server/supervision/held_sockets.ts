import type { Epoll } from "../../../ffi/epoll.ts";
import { ECONNREFUSED, SystemCallError } from "../../../ffi/libc.ts";
import { closeFd, shutDown } from "../../../ffi/unix_socket.ts";
import type { RingState } from "../../state/ring_state.ts";
import { HELD_INPUT_BYTES } from "../../limits.ts";
import type { HeldSlot } from "../../transport/held_slot.ts";
import { HELD_KEY_FIRST, HeldSlots, type SlotMaker } from "../../transport/held_slots.ts";
import { type HeldBy, HeldSocketTransport } from "../../transport/held_socket.ts";
import type { Log } from "../logging/log.ts";
import { CHANNEL, PASSED, type PassedConnections } from "./passed_connections.ts";

/** What keeps descriptors under names while we are dead. */
export interface DescriptorHolder {
  readonly capacity: number;
  /** The names of what it gave back to us and we have not taken yet. */
  readonly names: string[];
  take(name: string): number | null;
  store(name: string, fd: number): boolean;
  /** What stores a descriptor at once when there is one. */
  prepare(name: string): (fd: number) => boolean;
  remove(name: string): void;
  /** Of a connection that it has passed to us: from now on it holds it by another name. */
  rename(from: string, to: string): boolean;
  /** Nobody is there any more who could hold anything. */
  readonly gone: boolean;
}

/** A slot for a client to come, and how its descriptor is stored. */
interface ReadySlot {
  readonly slot: HeldSlot;
  readonly store: (fd: number) => boolean;
}

/** The name of the file with the counts; connections are named by their keys. */
const SLOTS = "slots";

/** The number of standard input: that of no client. */
const NOBODY = 0;

/** What else is held: the file, and the listening socket. */
const OTHERS = 2;

/**
 * The clients' sockets that a holder keeps for us while we are dead, with the counts that say how
 * far each has been served. Only of use with a journal that knows what is owed to them.
 */
export class HeldSockets implements HeldBy {
  readonly #holder: DescriptorHolder;
  readonly #slots: HeldSlots;
  readonly #log: Log;
  /** Those of the connections that are open, with their descriptors. */
  readonly #open = new Map<HeldSlot, number>();
  /** By descriptor, those of the program that was here before in this process. */
  #inherited: Map<number, HeldSlot> | null = null;
  #isFull = false;
  /** All that can be prepared for a client that is about to be accepted. */
  #ready: ReadySlot | null = null;
  /** Where the holder accepts connections for us; null where we do. */
  passing: PassedConnections | null = null;

  private constructor(holder: DescriptorHolder, slots: HeldSlots, log: Log) {
    this.#holder = holder;
    this.#slots = slots;
    this.#log = log;
  }

  /**
   * Begins to let sockets be held, with what the last life left. Null when that cannot be: what
   * was left is then disconnected.
   */
  static open(holder: DescriptorHolder, log: Log, maker?: SlotMaker): HeldSockets | null {
    const fd = holder.take(SLOTS);
    try {
      const slots = fd === null ? null : HeldSlots.reopen(fd, maker);
      if (fd !== null && slots === null) {
        log("warning", "the counts of held sockets are of another version: all are disconnected");
        closeFd(fd);
      }
      return new HeldSockets(holder, slots ?? newSlots(holder, maker), log);
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      log("warning", `connections of clients end with this process: ${error.message}`);
      HeldSockets.abandon(holder);
      return null;
    }
  }

  /** Disconnects all clients that are left with the holder. */
  static abandon(holder: DescriptorHolder): void {
    const fd = holder.take(SLOTS);
    if (fd !== null) {
      // Behind a live update they are not offered to us, but held.
      for (const { key } of HeldSlots.reopen(fd)?.inUse() ?? []) holder.remove(String(key));
      holder.remove(SLOTS);
      closeFd(fd);
    }
    for (const name of holder.names) {
      if (isKey(name) || isPassed(name)) discard(holder, name);
    }
  }

  /**
   * Prepares for a new client: between its being accepted and {@link hold}, its connection would
   * end with this process.
   */
  prepare(): void {
    if (this.#ready !== null || this.#isAtCapacity) return;
    const slot = this.#takeSlot(0);
    if (slot !== null) this.#ready = { slot, store: this.#holder.prepare(String(slot.key)) };
  }

  /**
   * Lets a connected socket of a new client be held; null when it cannot be. One that was `passed`
   * to us is held by that name yet.
   */
  hold(fd: number, epoll: Epoll, passed: string | null = null): HeldSocketTransport | null {
    const ready = this.#ready;
    if (ready === null || passed !== null) return this.#hold(fd, epoll, passed, 0);
    const isHeld = ready.store(fd);
    this.#ready = null;
    return this.#held(fd, epoll, ready.slot, isHeld);
  }

  #hold(
    fd: number,
    epoll: Epoll,
    passed: string | null,
    origin: number,
  ): HeldSocketTransport | null {
    const slot = this.#takeSlot(origin);
    if (slot === null) {
      if (passed !== null) this.#holder.remove(passed);
      return null;
    }
    const name = String(slot.key);
    const isHeld = passed === null
      ? this.#holder.store(name, fd)
      : this.#holder.rename(passed, name);
    // A daemon that is only busy would give it to the next one as new: it must not have heard anything.
    if (!isHeld && passed !== null && !this.#holder.gone) shutDown(fd);
    return this.#held(fd, epoll, slot, isHeld);
  }

  #held(fd: number, epoll: Epoll, slot: HeldSlot, isHeld: boolean): HeldSocketTransport | null {
    if (isHeld) return this.#attach(fd, slot, epoll);
    this.release(slot);
    return null;
  }

  get #isAtCapacity(): boolean {
    return this.#open.size + OTHERS >= this.#holder.capacity;
  }

  #takeSlot(origin: number): HeldSlot | null {
    if (this.#isAtCapacity) {
      const most = `only ${this.#holder.capacity} descriptors are held for us`;
      return this.#refuse(`${most}: further clients are disconnected when this process dies`);
    }
    try {
      return this.#slots.take(origin);
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      return this.#refuse(`clients are disconnected when this process dies: ${error.message}`);
    }
  }

  #refuse(text: string): null {
    if (!this.#isFull) this.#log("warning", text);
    this.#isFull = true;
    return null;
  }

  /** The connection has ended. */
  release(slot: HeldSlot): void {
    const { key } = slot;
    // First: a descriptor without a slot is closed by the daemon that finds it.
    this.#slots.release(slot);
    this.#holder.remove(String(key));
    this.#open.delete(slot);
    this.#isFull = false;
  }

  /**
   * Before another program takes this process's place which goes on with what is held, as it is
   * held. Returns what it must find open for that, by name.
   */
  keep(): Map<string, number> {
    for (const slot of this.#slots.inUse()) slot.descriptor = this.#open.get(slot) ?? NOBODY;
    const inheritable = new Map([[SLOTS, this.#slots.fd]]);
    if (this.passing !== null) inheritable.set(CHANNEL, this.passing.fd);
    return inheritable;
  }

  /** In any such program: a connection that the other has had; null when it cannot be held. */
  inherit(fd: number, epoll: Epoll): HeldSocketTransport | null {
    if (this.#inherited === null) {
      const slots = this.#slots.inUse();
      this.#inherited = new Map(slots.map((slot) => [slot.descriptor, slot]));
    }
    const slot = this.#inherited.get(fd);
    // Should the journal never come to know it, nobody must take it for a new client.
    if (slot === undefined) return this.#hold(fd, epoll, null, 1);
    this.#inherited.delete(fd);
    const transport = this.#attach(fd, slot, epoll);
    // All that was received is in what the other program has told.
    transport.resume(slot.received);
    return transport;
  }

  /** In such a program, when it has the state in its file: nobody else is held. */
  forgetRest(): void {
    for (const slot of this.#slots.inUse()) if (!this.#open.has(slot)) this.release(slot);
    this.#inherited = null;
  }

  /**
   * Before another program takes this process's place that cannot do that: it gets the sockets otherwise, and has
   * them held again. Clients are disconnected should it die before that.
   */
  giveUp(): void {
    for (const { key } of this.#open.keys()) this.#holder.remove(String(key));
    this.#holder.remove(SLOTS);
  }

  /** It could not, and all is as it was. */
  takeBack(): void {
    this.#holder.store(SLOTS, this.#slots.fd);
    for (const [{ key }, fd] of this.#open) this.#holder.store(String(key), fd);
  }

  /** Takes up a socket of the last life which the journal knows; null when it is not there. */
  reopen(ring: RingState, epoll: Epoll): HeldSocketTransport | null {
    const slot = this.#slots.find(ring.key);
    if (slot === null || !fits(slot, ring)) return null;
    const fd = this.#holder.take(String(ring.key));
    if (fd === null) return null;
    const transport = this.#attach(fd, slot, epoll);
    transport.resume(ring.requestsTaken);
    return transport;
  }

  #attach(fd: number, slot: HeldSlot, epoll: Epoll): HeldSocketTransport {
    this.#open.set(slot, fd);
    return new HeldSocketTransport(fd, slot, epoll, this);
  }

  /**
   * To be called when the journal's are taken up. What is left are clients that were accepted in
   * the last turn, which the journal has not come to know: they are new. Others are disconnected.
   */
  takeRest(epoll: Epoll): HeldSocketTransport[] {
    const rest: HeldSocketTransport[] = [];
    for (const name of this.#holder.names.filter(isKey)) {
      const slot = this.#slots.find(Number(name));
      if (slot === null || slot.settled !== 0 || slot.sent !== 0) discard(this.#holder, name);
      else rest.push(this.#attach(this.#holder.take(name)!, slot, epoll));
    }
    for (const slot of this.#slots.inUse()) {
      if (!this.#open.has(slot)) this.#slots.release(slot);
    }
    return rest;
  }

  /** To be called at last: connections that the last life was passed, and had not taken yet. */
  takeUntaken(): { name: string; fd: number }[] {
    const number = (name: string): number => Number(name.slice(PASSED.length));
    return this.#holder.names.filter(isPassed).sort((a, b) => number(a) - number(b))
      .map((name) => ({ name, fd: this.#holder.take(name)! }));
  }

  /** At the orderly end, when all connections have been closed. */
  close(): void {
    this.#holder.remove(SLOTS);
    closeFd(this.#slots.fd);
    this.passing?.close();
  }
}

function newSlots(holder: DescriptorHolder, maker?: SlotMaker): HeldSlots {
  const slots = HeldSlots.make(maker);
  holder.remove(SLOTS);
  if (!holder.store(SLOTS, slots.fd)) {
    throw new SystemCallError("hand over the counts", ECONNREFUSED);
  }
  return slots;
}

function isKey(name: string): boolean {
  return Number(name) >= HELD_KEY_FIRST;
}

function isPassed(name: string): boolean {
  return name.startsWith(PASSED);
}

/** Disconnects a client of which nothing is known. */
function discard(holder: DescriptorHolder, name: string): void {
  const fd = holder.take(name);
  holder.remove(name);
  if (fd === null) return;
  shutDown(fd);
  closeFd(fd);
}

/** Whether the counts and the journal speak of the same stream: they do unless files were moved. */
function fits(slot: HeldSlot, { requestsTaken, responses, responsesEnd }: RingState): boolean {
  const waiting = (slot.received - requestsTaken) >>> 0;
  const owed = (responsesEnd - slot.sent) >>> 0;
  return waiting <= HELD_INPUT_BYTES && owed <= responses.length;
}
