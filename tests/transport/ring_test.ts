/**
 * The ring's two ends over one page: whatever goes in comes out, in order, for every place of the
 * indices and every way to cut it up; and a guest that breaks the rules harms only itself.
 */
import { assertEquals, assertThrows } from "@std/assert";
import { GuestRing, RingTransport } from "../../lib/transport/ring.ts";
import {
  CONNECTION,
  ERROR,
  ERROR_INDEX,
  ERROR_NONE,
  ERROR_PROTOCOL,
  RECONNECT,
  REQ_CONS,
  REQ_PROD,
  RING_SIZE,
  RingPage,
  RSP_CONS,
  RSP_PROD,
  SERVER_FEATURES,
} from "../../lib/transport/ring_page.ts";
import type { Transport } from "../../lib/transport/transport.ts";
import { type Random, withSeed } from "../support/random.ts";

const FEATURES = 14;

interface Ends {
  readonly page: RingPage;
  readonly daemon: RingTransport;
  readonly guest: GuestRing;
  /** Signals so far: to the guest, to the daemon. */
  readonly signals: { toGuest: number; toDaemon: number };
}

function ends(features = FEATURES): Ends {
  const page = new RingPage(new ArrayBuffer(4096));
  const signals = { toGuest: 0, toDaemon: 0 };
  const daemon = new RingTransport(page, () => signals.toGuest++);
  const guest = new GuestRing(page, () => signals.toDaemon++);
  daemon.introduce(features);
  return { page, daemon, guest, signals };
}

function randomBytes(random: Random, length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => random.below(256));
}

/** Moves `bytes` from one end to the other in random pieces; returns what arrived. */
function shuttle(
  random: Random,
  from: Transport,
  to: Transport,
  bytes: Uint8Array<ArrayBuffer>,
): Uint8Array {
  const arrived = new Uint8Array(bytes.length);
  let sent = 0;
  let taken = 0;
  for (let steps = 0; taken < bytes.length; steps++) {
    if (steps > bytes.length * 20) throw new Error(`stuck after ${taken} of ${bytes.length} bytes`);
    if (random.chance(0.5)) {
      const count = from.write(bytes, sent, Math.min(bytes.length, sent + 1 + random.below(1500)));
      if (count < 0) throw new Error("the writing end failed");
      sent += count;
    } else {
      const end = Math.min(arrived.length, taken + 1 + random.below(1500));
      const count = to.read(arrived, taken, end);
      if (count < 0) throw new Error("the reading end failed");
      taken += count;
      if (random.chance(0.7)) to.settle();
    }
  }
  to.settle();
  return arrived;
}

Deno.test("A ring carries any bytes both ways, however they are cut and wherever it stands", () => {
  withSeed((random) => {
    for (let round = 0; round < 200; round++) {
      const { page, daemon, guest } = ends();
      // Indices run freely and overflow: start anywhere, often just below 2^32.
      const start = random.chance(0.3) ? 2 ** 32 - random.below(1500) : random.below(2 ** 32);
      for (const word of [REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD]) page.store(word, start);
      const bytes = randomBytes(random, 1 + random.below(6000));
      assertEquals(shuttle(random, guest, daemon, bytes), bytes);
      assertEquals(shuttle(random, daemon, guest, bytes), bytes);
      assertEquals(page.load(REQ_CONS), (start + bytes.length) >>> 0);
      assertEquals(page.load(RSP_PROD), (start + bytes.length) >>> 0);
    }
  });
});

Deno.test("A full ring is read whole, also across its end", () => {
  for (const start of [0, 1, 1000, 1023, 2 ** 32 - 1]) {
    const { page, daemon, guest } = ends();
    page.store(REQ_CONS, start);
    page.store(REQ_PROD, start);
    const bytes = Uint8Array.from({ length: RING_SIZE }, (_, i) => i * 7);
    assertEquals(guest.write(bytes, 0, bytes.length), RING_SIZE);
    assertEquals((page.load(REQ_PROD) - page.load(REQ_CONS)) >>> 0, RING_SIZE);
    assertEquals(guest.write(bytes, 0, 1), 0);
    const taken = new Uint8Array(2000);
    assertEquals(daemon.read(taken, 0, taken.length), RING_SIZE);
    assertEquals(taken.subarray(0, RING_SIZE), bytes);
    assertEquals(daemon.read(taken, 0, taken.length), 0);
  }
});

Deno.test("Each step that moves bytes signals the other side once, others do not", () => {
  const { daemon, guest, signals } = ends();
  const bytes = new Uint8Array(1500);
  assertEquals(daemon.read(bytes, 0, 1500), 0);
  assertEquals(signals, { toGuest: 0, toDaemon: 0 });
  guest.write(bytes, 0, 10);
  assertEquals(signals, { toGuest: 0, toDaemon: 1 });
  daemon.read(bytes, 0, 3);
  daemon.read(bytes, 0, 1);
  // Not before it is settled does the guest learn that bytes were taken.
  assertEquals(signals, { toGuest: 0, toDaemon: 1 });
  daemon.settle();
  daemon.settle();
  assertEquals(signals, { toGuest: 1, toDaemon: 1 });
  assertEquals(daemon.write(bytes, 0, 1500), RING_SIZE);
  assertEquals(signals, { toGuest: 2, toDaemon: 1 });
  assertEquals(daemon.write(bytes, 0, 1), 0);
  assertEquals(signals, { toGuest: 2, toDaemon: 1 });
});

Deno.test("Indices more than a ring apart put 2 into the error word and end the ring", () => {
  for (
    const [words, act] of [
      [[REQ_CONS, REQ_PROD], "read"],
      [[RSP_CONS, RSP_PROD], "write"],
    ] as const
  ) {
    for (const [cons, prod] of [[0, 1025], [0, 2000], [1, 0], [0x80000000, 0]] as const) {
      const { page, daemon, signals } = ends();
      page.store(words[0], cons);
      page.store(words[1], prod);
      const bytes = new Uint8Array(16);
      assertEquals(daemon[act](bytes, 0, 16), -1, `${act} with ${cons}, ${prod}`);
      assertEquals(page.load(ERROR), ERROR_INDEX);
      assertEquals(daemon.ignored, true);
      assertEquals(signals.toGuest, 1);
      // Sound again, but the ring is ignored: neither end moves.
      for (const word of [REQ_CONS, RSP_CONS, RSP_PROD]) page.store(word, 0);
      page.store(REQ_PROD, 16);
      assertEquals(daemon.read(bytes, 0, 16), -1);
      assertEquals(daemon.write(bytes, 0, 16), -1);
      assertEquals([page.load(REQ_CONS), page.load(RSP_PROD)], [0, 0]);
    }
  }
});

Deno.test("A message too long puts 3 into the error word, if the guest was offered that word", () => {
  const offered = ends();
  offered.daemon.rejectOversize();
  assertEquals(offered.page.load(ERROR), ERROR_PROTOCOL);
  assertEquals(offered.daemon.ignored, true);
  const plain = ends(4);
  plain.daemon.rejectOversize();
  assertEquals(plain.page.load(ERROR), ERROR_NONE);
  assertEquals(plain.daemon.ignored, true);
});

Deno.test("INTRODUCE empties the ring, clears the error, revives it and answers a reconnection", () => {
  const { page, daemon, guest, signals } = ends();
  const bytes = new Uint8Array(100);
  guest.write(bytes, 0, 100);
  daemon.write(bytes, 0, 100);
  daemon.rejectOversize();
  page.store(CONNECTION, RECONNECT);
  page.store(SERVER_FEATURES, 0);
  const before = signals.toGuest;
  daemon.introduce(6);
  for (const word of [REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD, ERROR, CONNECTION]) {
    assertEquals(page.load(word), 0, `word ${word}`);
  }
  assertEquals(page.load(SERVER_FEATURES), 6);
  assertEquals(signals.toGuest, before + 1);
  assertEquals(daemon.ignored, false);
  assertEquals(guest.write(bytes, 0, 5), 5);
  assertEquals(daemon.read(bytes, 0, 100), 5);
});

Deno.test("A guest that zeroes its whole page, as hvmloader does, goes on from there", () => {
  const { page, daemon, guest } = ends();
  const bytes = Uint8Array.from({ length: 300 }, (_, i) => i);
  const taken = new Uint8Array(300);
  guest.write(bytes, 0, 300);
  daemon.read(taken, 0, 300);
  daemon.settle();
  daemon.write(bytes, 0, 300);
  guest.read(taken, 0, 300);
  page.bytes.fill(0);
  assertEquals(guest.write(bytes, 0, 20), 20);
  assertEquals(daemon.read(taken, 0, 300), 20);
  assertEquals(taken.subarray(0, 20), bytes.subarray(0, 20));
  assertEquals(daemon.write(bytes, 0, 20), 20);
  assertEquals(guest.read(taken, 0, 300), 20);
});

Deno.test("A ring page must be one page", () => {
  assertThrows(() => new RingPage(new ArrayBuffer(4095)), RangeError, "4095");
});

Deno.test("what came while bytes were read but not let go of is found, as nobody announces it", () => {
  const { daemon, guest, signals } = ends();
  const bytes = new Uint8Array(40);
  const into = new Uint8Array(RING_SIZE);
  assertEquals(guest.write(bytes, 0, 10), 10);
  assertEquals(signals.toDaemon, 1);
  assertEquals(daemon.read(into, 0, into.length), 10);
  assertEquals(guest.write(bytes, 0, 20), 20);
  assertEquals(signals.toDaemon, 1, "like Linux, the guest signals what follows on nothing only");
  assertEquals(daemon.settle(), true);
  assertEquals(daemon.read(into, 0, into.length), 20);
  assertEquals(daemon.settle(), false);
  assertEquals(guest.write(bytes, 0, 30), 30);
  assertEquals(signals.toDaemon, 2);
});

/** A page whose guest reads just before the daemon's index of responses moves. */
class HastyPage extends RingPage {
  hasty: (() => void) | null = null;

  override store(word: number, value: number): void {
    const { hasty } = this;
    if (word === RSP_PROD && hasty !== null) {
      this.hasty = null;
      hasty();
    }
    super.store(word, value);
  }
}

Deno.test("a ring that can't take all is left full, or nobody would announce room", () => {
  const page = new HastyPage(new ArrayBuffer(4096));
  let announced = 0;
  const guest = new GuestRing(page, () => announced++);
  const daemon = new RingTransport(page, () => {});
  daemon.introduce(FEATURES);
  const into = new Uint8Array(RING_SIZE);
  const bytes = new Uint8Array(4 * RING_SIZE);
  assertEquals(daemon.write(bytes, 0, 100), 100);
  page.hasty = () => assertEquals(guest.read(into, 0, into.length), 100);
  const written = daemon.write(bytes, 0, bytes.length);
  assertEquals((page.load(RSP_PROD) - page.load(RSP_CONS)) >>> 0, RING_SIZE);
  assertEquals([written, announced], [RING_SIZE, 0]);
  assertEquals(guest.read(into, 0, into.length), RING_SIZE);
  assertEquals(announced, 1);
});
