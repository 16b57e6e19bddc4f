/**
 * The counts of a held socket: a process that dies between any two of its steps leaves counts that
 * say exactly which bytes the kernel has moved.
 */
import { assert, assertEquals } from "@std/assert";
import { EAGAIN } from "../../ffi/libc.ts";
import { createMemoryFile, growFile } from "../../ffi/memory_file.ts";
import { acceptUnix, closeFd, listenUnix } from "../../ffi/unix_socket.ts";
import { HELD_INPUT_BYTES } from "../../lib/limits.ts";
import type { HeldSlot } from "../../lib/transport/held_slot.ts";
import { HeldSlots } from "../../lib/transport/held_slots.ts";
import { CrashPoints } from "../support/crash_points.ts";
import { Random, roundsOf } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";
import { SocketEnd } from "../support/socket_end.ts";
import { mortalSlots } from "./mortal_slot.ts";

/** The byte at a place of a stream: no shift of it is the same. */
const byteAt = (at: number): number => (at * 7 + (at >>> 8) * 13 + (at >>> 16)) & 0xff;

function pattern(from: number, count: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: count }, (_, i) => byteAt(from + i));
}

/** Where the counts begin: just before they wrap. */
const NEAR_THE_WRAP = 0xffff_ffff - 50_000;
/** Rounds that are the same in each run, in which everything is known to happen. */
const FIXED_ROUNDS = 20;

/** One connection and its process, which dies and goes on. */
class Stream {
  readonly points = new CrashPoints();
  readonly #random: Random;
  readonly #fd: number;
  readonly #client: SocketEnd;
  readonly #file: number;
  #slot: HeldSlot;
  /** How many bytes the client has sent and got, and the process has taken for good. */
  #sent = 0;
  #got = 0;
  #taken = 0;
  /** Where the process's counts began. */
  readonly #origin: number;

  constructor(random: Random, listener: number, path: string) {
    this.#random = random;
    this.#client = new SocketEnd(path);
    this.#fd = acceptUnix(listener);
    this.#origin = random.chance(0.5) ? 0 : NEAR_THE_WRAP;
    const slots = HeldSlots.make(mortalSlots(this.points));
    this.#file = slots.fd;
    this.#slot = slots.take(this.#origin);
  }

  /** The process is dead: another maps the same file. */
  #reborn(): void {
    this.points.reborn();
    const { key } = this.#slot;
    this.#slot = HeldSlots.reopen(this.#file, mortalSlots(this.points))!.find(key)!;
    // What the journal knows to be taken goes before what the slot says.
    this.#slot.settled = (this.#origin + this.#taken) >>> 0;
  }

  #count(total: number): number {
    return (total - this.#origin) >>> 0;
  }

  #process(): void {
    const slot = this.#slot;
    if (this.#random.chance(0.5)) {
      if (!slot.full) {
        const code = slot.receive(this.#fd);
        assert(code === 0 || code === EAGAIN, `receive: error ${code}`);
      }
      const into = new Uint8Array(20_000);
      const end = 1 + this.#random.below(9000);
      const count = slot.copyInput((this.#origin + this.#taken) >>> 0, into, 0, end);
      assertEquals(into.subarray(0, count), pattern(this.#taken, count), "input");
      this.#taken += count;
      slot.settled = (this.#origin + this.#taken) >>> 0;
    } else {
      // What is to be sent follows from what has been, as with a journal that has all the rest.
      const from = this.#count(slot.sent);
      const bytes = pattern(from, 1 + this.#random.below(this.#random.chance(0.1) ? 90_000 : 300));
      const code = slot.send(this.#fd, bytes, 0, bytes.length);
      assert(code === 0 || code === EAGAIN, `send: error ${code}`);
    }
  }

  #act(): void {
    const random = this.#random;
    if (random.chance(0.5)) {
      const bytes = pattern(this.#sent, 1 + random.below(random.chance(0.1) ? 30_000 : 500));
      this.#sent += Math.max(0, this.#client.write(bytes, 0, bytes.length));
    } else {
      this.#drain(1 + random.below(random.chance(0.3) ? 100_000 : 400));
    }
  }

  #drain(most: number): number {
    const into = new Uint8Array(most);
    const count = Math.max(0, this.#client.read(into, 0, most));
    assertEquals(into.subarray(0, count), pattern(this.#got, count), "output");
    this.#got += count;
    return count;
  }

  run(deaths: number): void {
    for (let death = 0; death < deaths;) {
      this.points.arm(1 + this.#random.below(12));
      let alive = true;
      for (let step = 0; alive && step < 20; step++) {
        if (this.#random.chance(0.5)) this.#act();
        else alive = this.points.run(() => this.#process());
      }
      if (alive) continue;
      death++;
      this.#reborn();
      const { received, sent } = this.#slot;
      assert(this.#count(received) <= this.#sent && this.#count(received) >= this.#taken);
      assert(this.#count(received) - this.#taken <= HELD_INPUT_BYTES);
      assert(this.#count(sent) >= this.#got, "less was sent than has arrived");
    }
    while (this.#drain(100_000) > 0);
    assertEquals(this.#count(this.#slot.sent), this.#got, "all that was sent has arrived");
  }

  close(): void {
    for (const fd of [this.#fd, this.#file]) closeFd(fd);
    this.#client.close();
  }
}

Deno.test("killed between any two steps, a process finds exactly what the kernel moved", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/socket`;
  const listener = listenUnix(path, 4);
  const kinds = new Map<string, number>();
  const rounds = roundsOf(40, FIXED_ROUNDS);
  for (const { fixed, seed } of rounds) {
    const stream = new Stream(new Random(seed), listener, path);
    try {
      stream.run(50);
    } catch (error) {
      throw new Error(`failed with XS_SEED=${seed}`, { cause: error });
    } finally {
      stream.close();
    }
    if (!fixed) continue;
    for (const [kind, count] of stream.points.taken) {
      kinds.set(kind, (kinds.get(kind) ?? 0) + count);
    }
  }
  closeFd(listener);
  if (!rounds.some(({ fixed }) => fixed)) return;
  // Settled, the four bases and the four lengths; and both calls.
  const words = [1, 2, 3, 4, 5, 16, 32, 48, 64].map((n) => `slot word ${n + (n < 16 ? 0 : 14)}`);
  for (const what of [...words, "receiving", "sending"]) {
    for (const when of ["before", "after"]) {
      assert(kinds.has(`${when} ${what}`), `no process died ${when} ${what}: ${[...kinds]}`);
    }
  }
});

Deno.test("slots: keys are not given again, and of another layout nothing is read", () => {
  const slots = HeldSlots.make();
  const first = slots.take();
  const { key } = first;
  slots.release(first);
  const second = slots.take();
  assert(second.key > key, "the key of a connection that has ended is given again");
  const keys = new Set<number>();
  for (let i = 0; i < 200; i++) keys.add(slots.take().key);
  assertEquals(keys.size, 200);
  const again = HeldSlots.reopen(slots.fd)!;
  assertEquals(again.inUse().length, 201);
  assert(again.find(second.key) !== null && again.find(key) === null);
  assert(!keys.has(again.take().key));
  const other = createMemoryFile("other");
  assertEquals(growFile(other, 0, 8192), 0);
  assertEquals(HeldSlots.reopen(other), null);
  for (const fd of [slots.fd, other]) closeFd(fd);
});
