/** A live update waits for the end of a dump that is under way. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { decodeStream } from "../../lib/codec/stream.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { RawClient } from "../support/raw_client.ts";
import { update } from "../support/operator.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";

const NODES = 20_000;
const BATCH = 500;

async function ask(client: RawClient, type: number, ...words: string[]): Promise<string> {
  const payload = toBytes(words.map((word) => `${word}\0`).join(""));
  const { text } = (await client.exchange({ type, txId: 0, payload })).at(-1)!;
  return text.replace(/\0$/, "");
}

async function fillUp(client: RawClient): Promise<void> {
  for (let from = 0; from < NODES; from += BATCH) {
    await client.exchange(...Array.from({ length: BATCH }, (_, i) => ({
      type: T.WRITE,
      txId: 0,
      payload: toBytes(`/bulk/${from}/${i}\0some value`),
    })));
  }
}

/** Reads a dump to its end; null where the daemon does not know it, or gave it up. */
async function readDump(client: RawClient, job: string): Promise<Uint8Array | null> {
  const text: string[] = [];
  for (;;) {
    const payload = toBytes(`archive\0${job}\0read\0`);
    const reply = (await client.exchange({ type: T.CONTROL, txId: 0, payload })).at(-1)!;
    if (reply.type === T.ERROR) return null;
    text.push(reply.text);
    if (reply.text !== "") continue;
    const status = await ask(client, T.CONTROL, "archive", job);
    if (status.startsWith("waiting")) continue;
    return status.startsWith("done") ? toBytes(text.join("")) : null;
  }
}

Deno.test("live update: dumps that were begun before it are whole", async () => {
  await using daemon = await startDaemon({ args: ["--xen", "no"] });
  const client = await RawClient.connect(daemon.socketPath);
  const operator = await RawClient.connect(daemon.socketPath);
  await fillUp(client);
  let over = false;
  const updated = update(operator, { file: xsCommand()[0] }).finally(() => over = true);
  // One dump after the other, so that one is under way when the next daemon is ready.
  let count = 0;
  while (!over) {
    const begun = await ask(client, T.CONTROL, "dump", "all");
    assertMatch(begun, /^job \d+$/);
    const isBegun = (await ask(client, T.CONTROL, "archive", begun.slice(4))).startsWith("running");
    const bytes = await readDump(client, begun.slice(4));
    // What only waited is not begun by the next daemon: its client begins anew.
    assert(bytes !== null || !isBegun, `dump ${count} was begun and is not whole`);
    if (bytes === null) continue;
    count++;
    const { records } = decodeStream(bytes);
    assert(records.length > NODES, `dump ${count} has ${records.length} records`);
  }
  assertEquals(await updated, "OK", daemon.output());
  assert(count > 0);
  client.close();
  operator.close();
});
