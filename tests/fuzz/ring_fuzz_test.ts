/** A hostile guest on its ring, while another guest and dom0 must notice nothing. */
import { RingWorld } from "../support/worlds/ring_world.ts";
import { Random } from "../support/random.ts";
import { encodeMessage, getU32, HEADER_SIZE } from "../../lib/wire/header.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import {
  CONNECTION,
  ERROR,
  ERROR_INDEX,
  ERROR_NONE,
  ERROR_PROTOCOL,
  EVTCHN_PORT,
  REQ_CONS,
  REQ_PROD,
  RESPONSE_RING,
  RING_SIZE,
  RSP_CONS,
  RSP_PROD,
  SERVER_FEATURES,
} from "../../lib/transport/ring_page.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { Budget } from "./budget.ts";
import { oversizeMessage, soundMessage, validMessage } from "./mutate.ts";

const INDICES = [REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD] as const;
const OTHER_WORDS = [SERVER_FEATURES, CONNECTION, EVTCHN_PORT] as const;

async function ask(world: RingWorld, from: string, type: number, text: string): Promise<string> {
  const reply = (await world.request(from, type, toBytes(text), 0)).at(-1);
  return reply?.text ?? "nothing";
}

async function expect(
  world: RingWorld,
  from: string,
  type: number,
  text: string,
  wanted: string,
): Promise<void> {
  const got = await ask(world, from, type, text);
  if (got !== wanted) throw new Error(`${from}: ${JSON.stringify(got)}, not ${wanted}`);
}

async function introduce(world: RingWorld, domid: number): Promise<void> {
  const data = `/local/domain/${domid}/data`;
  await world.domain(domid, "create");
  await expect(world, "s", T.MKDIR, `${data}\0`, "OK\0");
  await expect(world, "s", T.SET_PERMS, `${data}\0n${domid}\0`, "OK\0");
  await expect(world, "s", T.INTRODUCE, INTRODUCE(domid), "OK\0");
  await world.open(`g${domid}`);
}

const INTRODUCE = (domid: number): string => `${domid}.1.5.`.replaceAll(".", "\0");

/** Puts bytes into the ring as a guest does that cares for nothing but the indices' distance. */
function pour(world: RingWorld, bytes: Uint8Array): void {
  const page = world.page("g1");
  const prod = page.load(REQ_PROD);
  const room = RING_SIZE - ((prod - page.load(REQ_CONS)) >>> 0);
  const count = Math.min(bytes.length, Math.max(0, room));
  for (let i = 0; i < count; i++) page.bytes[(prod + i) % RING_SIZE] = bytes[i] ?? 0;
  page.store(REQ_PROD, prod + count);
}

/** One hostile deed on the page of g1, and a kick. */
async function misbehave(world: RingWorld, random: Random): Promise<void> {
  const page = world.page("g1");
  switch (random.below(8)) {
    case 0:
      page.store(random.pick(INDICES), random.below(0x100000000));
      break;
    case 1:
      page.store(random.pick(INDICES), page.load(REQ_CONS) + random.below(2 * RING_SIZE));
      break;
    case 2:
      pour(world, oversizeMessage(random));
      break;
    case 3:
      pour(world, random.bytes(random.below(RING_SIZE + 1)));
      break;
    case 4:
      page.store(random.pick(OTHER_WORDS), random.below(0x100000000));
      break;
    case 5:
      pour(world, validMessage(random, 1).subarray(0, random.below(40)));
      break;
    case 6:
      page.bytes.fill(0);
      break;
    default:
      for (let i = random.below(30); i > 0; i--) pour(world, soundMessage(random, i));
  }
  await world.setWords("g1", []);
}

/** The other guest and dom0 are served as ever. */
async function checkOthers(world: RingWorld, round: number): Promise<void> {
  const value = `value ${round}`;
  await expect(world, "g2", T.WRITE, `data/x\0${value}`, "OK\0");
  await expect(world, "s", T.READ, "/local/domain/2/data/x\0", value);
  await expect(world, "s", T.IS_DOMAIN_INTRODUCED, "1\0", "T\0");
}

/** Takes the guest back with clean indices; its next sound request must be answered. */
async function takeBack(world: RingWorld): Promise<void> {
  const error = world.page("g1").load(ERROR);
  if (error !== ERROR_NONE && error !== ERROR_INDEX && error !== ERROR_PROTOCOL) {
    throw new Error(`the error word is ${error}`);
  }
  await expect(world, "s", T.INTRODUCE, INTRODUCE(1), "OK\0");
  const page = world.page("g1");
  for (const word of [...INDICES, ERROR]) {
    if (page.load(word) !== 0) throw new Error(`word ${word} is ${page.load(word)} behind it`);
  }
  world.reopen("g1");
  await expect(world, "g1", T.GET_DOMAIN_PATH, "1\0", "/local/domain/1\0");
}

Deno.test("a hostile guest disturbs nobody", async () => {
  const budget = new Budget();
  const random = new Random(budget.seed);
  await using world = new RingWorld();
  await world.open("s");
  await introduce(world, 1);
  await introduce(world, 2);
  await budget.run(async () => {
    while (budget.next()) {
      for (let i = 1 + random.below(5); i > 0; i--) await misbehave(world, random);
      await checkOthers(world, budget.rounds);
      if (random.percent(60)) await takeBack(world);
    }
    await takeBack(world);
  });
});

/** Takes all answers out of the ring of g1, however often it fills; returns their request ids. */
async function readAnswers(world: RingWorld): Promise<number[]> {
  const page = world.page("g1");
  const bytes: number[] = [];
  for (;;) {
    const cons = page.load(RSP_CONS);
    const count = (page.load(RSP_PROD) - cons) >>> 0;
    if (count > RING_SIZE) throw new Error(`${count} bytes in a ring of ${RING_SIZE}`);
    if (count === 0) break;
    for (let i = 0; i < count; i++) {
      bytes.push(page.bytes[RESPONSE_RING + (cons + i) % RING_SIZE] ?? 0);
    }
    await world.setWords("g1", [[RSP_CONS, (cons + count) >>> 0]]);
  }
  const stream = new Uint8Array(bytes);
  const ids: number[] = [];
  for (let at = 0; at < stream.length; at += HEADER_SIZE + getU32(stream, at + 12)) {
    ids.push(getU32(stream, at + 4));
  }
  return ids;
}

Deno.test("a guest that reads nothing holds up nobody, and loses no answer", async () => {
  await using world = new RingWorld();
  await world.open("s");
  await introduce(world, 1);
  await introduce(world, 2);
  const page = world.page("g1");
  const sent: number[] = [];
  for (let id = 1;; id++) {
    const message = encodeMessage(T.READ, id, 0, toBytes("data\0"));
    const used = (page.load(REQ_PROD) - page.load(REQ_CONS)) >>> 0;
    if (RING_SIZE - used < message.length) break;
    pour(world, message);
    sent.push(id);
    await world.setWords("g1", []);
    if (id % 10 === 0) await checkOthers(world, id);
  }
  if (sent.length < 2 * RING_SIZE / 21) throw new Error(`it could send only ${sent.length}`);
  const answered = await readAnswers(world);
  if (answered.join() !== sent.join()) throw new Error(`answers to ${answered}, not to ${sent}`);
});
