/** A thread that changes a guest's page as fast as it can, while the daemon reads it. */
import { mapFile, viewMemory } from "../../ffi/shared_memory.ts";
import { encodeHeader, HEADER_SIZE } from "../../lib/wire/header.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { MESSAGE_TYPE_COUNT } from "./message_types.ts";
import {
  CONNECTION,
  ERROR,
  REQ_CONS,
  REQ_PROD,
  RING_PAGE_SIZE,
  RING_SIZE,
  RingPage,
  RSP_CONS,
  RSP_PROD,
} from "../../lib/transport/ring_page.ts";
import { Random } from "../support/random.ts";

/** What the thread is told. */
export interface VandalOrders {
  /** The file with the page, and where in it the page is. */
  readonly path: string;
  readonly offset: number;
  readonly seed: number;
  /** {@link RUN}, {@link REST} or {@link STOP}; the thread notes in the second word that it rests. */
  readonly control: SharedArrayBuffer;
}

export const RUN = 0;
export const REST = 1;
export const STOP = 2;

/** Changes of one word in a row: long enough to meet the daemon between two of its reads. */
const FLIPS = 2_000;

const WORDS = [REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD, CONNECTION, ERROR] as const;

const self = globalThis as unknown as {
  onmessage: ((message: MessageEvent<VandalOrders>) => void) | null;
  close(): void;
};

function run({ path, offset, seed, control }: VandalOrders): void {
  const state = new Int32Array(control);
  const page = new RingPage(viewMemory(mapFile(path, RING_PAGE_SIZE, offset), RING_PAGE_SIZE));
  const random = new Random(seed);
  for (;;) {
    const order = Atomics.load(state, 0);
    if (order === STOP) return self.close();
    if (order === REST) {
      Atomics.store(state, 1, 1);
      Atomics.wait(state, 0, REST);
      Atomics.store(state, 1, 0);
      continue;
    }
    vandalise(page, random);
  }
}

function vandalise(page: RingPage, random: Random): void {
  switch (random.below(6)) {
    case 0:
      return flipLength(page, random);
    case 1:
      return flipBytes(page, random);
    case 2:
      return flipWord(page, random.pick(WORDS), random.below(0x1_0000_0000), random);
    case 3:
      return flipWord(page, REQ_PROD, page.load(REQ_CONS) + random.below(2 * RING_SIZE), random);
    case 4:
      return putMessages(page, random);
    default:
      page.store(RSP_CONS, page.load(RSP_PROD));
      return putMessages(page, random);
  }
}

/** A message of the largest length that fits, and of one that does not, in turn. */
function flipLength(page: RingPage, random: Random): void {
  const at = page.load(REQ_CONS);
  putHeader(page, at, random.below(MESSAGE_TYPE_COUNT), random.below(64));
  page.store(REQ_PROD, (at + RING_SIZE) >>> 0);
  const lengths = [random.below(64), random.pick([4097, 0xffffffff, 0x80000000, 0, 4096])];
  for (let i = 0; i < FLIPS; i++) putWord(page, (at + 12) >>> 0, lengths[i % 2]!);
}

function flipBytes(page: RingPage, random: Random): void {
  for (let i = 0; i < FLIPS; i++) page.bytes[random.below(2 * RING_SIZE)] = random.below(256);
}

/** Between what it was and another value. */
function flipWord(page: RingPage, word: number, value: number, random: Random): void {
  const before = page.load(word);
  for (let i = random.below(FLIPS); i > 0; i--) page.store(word, i % 2 === 0 ? before : value);
}

/** Sound requests, whose bytes another round may change while they are read. */
function putMessages(page: RingPage, random: Random): void {
  let at = page.load(REQ_PROD);
  const room = RING_SIZE - ((at - page.load(REQ_CONS)) >>> 0);
  for (let count = random.below(20); count > 0; count--) {
    const length = random.below(40);
    if (HEADER_SIZE + length > room) break;
    putHeader(
      page,
      at,
      random.pick([T.READ, T.WRITE, T.MKDIR, T.RM, T.WATCH, T.SET_PERMS]),
      length,
    );
    for (let i = 0; i < length; i++) {
      page.bytes[(at + HEADER_SIZE + i) % RING_SIZE] = random.pick([0, 47, 97, 98, 110, 49]);
    }
    at = (at + HEADER_SIZE + length) >>> 0;
    if (random.chance(0.5)) page.store(REQ_PROD, at);
  }
}

const header = new Uint8Array(HEADER_SIZE);

function putHeader(page: RingPage, at: number, type: number, length: number): void {
  encodeHeader(header, 0, type, 0, 0, length);
  for (let i = 0; i < HEADER_SIZE; i++) page.bytes[(at + i) % RING_SIZE] = header[i]!;
}

function putWord(page: RingPage, at: number, value: number): void {
  for (let i = 0; i < 4; i++) page.bytes[(at + i) % RING_SIZE] = value >>> 8 * i;
}

self.onmessage = (message): void => run(message.data);
