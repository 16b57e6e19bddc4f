/** A live update waits for the end of a dump that is under way. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { decodeStream } from "../../lib/migrate/stream.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { RawClient } from "../differential/raw_client.ts";
import { update } from "../live_update/operator.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { makeScratch } from "../support/scratch.ts";

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

Deno.test("live update: dumps that were begun before it are whole", async () => {
  await using scratch = await makeScratch();
  await using daemon = await startDaemon({ args: ["--xen", "no"] });
  const client = await RawClient.connect(daemon.socketPath);
  const operator = await RawClient.connect(daemon.socketPath);
  await fillUp(client);
  let over = false;
  const updated = update(operator, { file: xsCommand()[0] }).finally(() => over = true);
  // One dump after the other, so that one is under way when the next daemon is ready.
  let count = 0;
  while (!over) {
    const begun = await ask(client, T.CONTROL, "dump", `${scratch.path}/${count}`);
    if (begun.startsWith("busy")) continue;
    assertMatch(begun, /^job \d+$/);
    count++;
  }
  assertEquals(await updated, "OK", daemon.output());
  // The last may be the next daemon's.
  const job = /^job (\d+)$/.exec(await ask(client, T.CONTROL, "dump", `${scratch.path}/last`));
  while (job !== null && (await ask(client, T.CONTROL, "archive", job[1]!)).startsWith("running"));
  assert(count > 0);
  for (let i = 0; i < count; i++) {
    const { records } = decodeStream(await Deno.readFile(`${scratch.path}/${i}`));
    assert(records.length > NODES, `dump ${i} of ${count} has ${records.length} records`);
  }
  client.close();
  operator.close();
});
