/** Hostile clients on the daemon's socket, while another reads and writes and must notice nothing. */
import { Random } from "../support/random.ts";
import { HangUp, RawClient } from "../support/raw_client.ts";
import { startDaemon } from "../support/daemon.ts";
import { getU32 } from "../../lib/wire/header.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { Budget } from "./budget.ts";
import { oversizeMessage, soundMessage, validMessage } from "./mutate.ts";

/** Hostile clients at work at any one time. */
const ATTACKERS = 6;

/** How often the well-behaved client must get round while they are. */
const GOOD_ROUNDS = 5;

const BARRIER = { type: T.GET_DOMAIN_PATH, txId: 0, payload: toBytes("0\0") };

/** One whole request with an answer of its own for each: the connection must stay in step. */
async function sendSound(client: RawClient, random: Random): Promise<void> {
  const messages = Array.from({ length: 1 + random.below(20) }, (_, i) => soundMessage(random, i));
  // The types that a server sends are answered too, with an error.
  const ids = messages.map((message) => getU32(message, 4));
  const [replies] = await Promise.all([
    client.receive(messages.length),
    (async () => {
      for (const message of messages) await client.sendBytes(message);
    })(),
  ]);
  const got = replies.filter(({ type }) => type !== T.WATCH_EVENT).map(({ reqId }) => reqId);
  if (got.join() !== ids.join()) throw new Error(`answers to ${got}, not to ${ids}`);
}

/** Something after which the daemon owes nothing but its survival. */
async function sendBroken(client: RawClient, random: Random): Promise<void> {
  const message = validMessage(random, 1);
  switch (random.below(5)) {
    case 0:
      return await client.sendBytes(message.subarray(0, random.below(message.length)));
    case 1:
      return await client.sendBytes(random.bytes(random.below(5000)));
    case 2:
      for (const byte of message.subarray(0, 20)) await client.sendBytes(new Uint8Array([byte]));
      return;
    case 3:
      for (let i = 0; i < 50; i++) await client.sendBytes(validMessage(random, i));
      return;
    default:
      return await expectHangUp(client, random);
  }
}

/** A length over the limit is answered by hanging up. */
async function expectHangUp(client: RawClient, random: Random): Promise<void> {
  await client.sendBytes(oversizeMessage(random));
  try {
    await client.receive(1);
  } catch (error) {
    if (isHangUp(error)) return;
    throw error;
  }
  throw new Error("a message over 4096 bytes was answered");
}

function isHangUp(error: unknown): boolean {
  return error instanceof HangUp || error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.BrokenPipe;
}

async function attack(path: string, random: Random, goesOn: () => boolean): Promise<void> {
  while (goesOn()) {
    const client = await RawClient.connect(path);
    try {
      for (let i = random.below(4); i > 0; i--) await sendSound(client, random);
      if (random.percent(80)) await sendBroken(client, random);
    } catch (error) {
      // Garbage may hold a length over the limit: then the daemon hangs up in the middle.
      if (!isHangUp(error)) throw error;
    } finally {
      client.close();
    }
  }
}

/** Reads back what it wrote, sees its own events and no others; tells how often it did. */
async function behave(path: string, goesOn: (rounds: number) => boolean): Promise<void> {
  const client = await RawClient.connect(path);
  const ask = async (type: number, payload: string, txId = 0): Promise<string[]> => {
    const messages = await client.exchange({ type, txId, payload: toBytes(payload) }, BARRIER);
    return messages.slice(0, -1).map(({ text }) => text);
  };
  const expect = (got: readonly string[], ...wanted: readonly string[]): void => {
    if (got.join("|") !== wanted.join("|")) throw new Error(`got ${got}, not ${wanted}`);
  };
  expect(await ask(T.WATCH, "/checked\0mine\0"), "OK\0", "/checked\0mine\0");
  for (let rounds = 0; goesOn(rounds); rounds++) {
    const value = `value ${rounds}`;
    expect(await ask(T.WRITE, `/checked/a\0${value}`), "/checked/a\0mine\0", "OK\0");
    expect(await ask(T.READ, "/checked/a\0"), value);
    const [id] = await ask(T.TRANSACTION_START, "\0");
    const txId = parseInt(id ?? "");
    expect(await ask(T.READ, "/checked/a\0", txId), value);
    expect(await ask(T.WRITE, `/checked/b\0${value}`, txId), "OK\0");
    expect(await ask(T.TRANSACTION_END, "T\0", txId), "/checked/b\0mine\0", "OK\0");
    expect(await ask(T.DIRECTORY, "/checked\0"), "a\0b\0");
    expect(await ask(T.RM, "/checked/b\0"), "/checked/b\0mine\0", "OK\0");
  }
  client.close();
}

Deno.test("hostile socket clients disturb nobody", async () => {
  const budget = new Budget();
  await using daemon = await startDaemon();
  let over = false, gotRound = 0;
  await budget.run(async () => {
    const good = behave(daemon.socketPath, (rounds) => {
      gotRound = rounds;
      return !over;
    });
    const goesOn = (): boolean => !over && (budget.next() || gotRound < GOOD_ROUNDS);
    const bad = Array.from(
      { length: ATTACKERS },
      (_, i) => attack(daemon.socketPath, new Random(budget.seed + i), goesOn),
    );
    try {
      await Promise.race([Promise.all(bad), good]);
    } finally {
      over = true;
      await Promise.allSettled(bad);
    }
    await good;
    console.log(`the well-behaved client got round ${gotRound} times`);
  });
});
