/** Quotas through a live update: the next daemon's command line may say something else. */
import { assertEquals, assertMatch } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { RawClient } from "../support/raw_client.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { update } from "../support/operator.ts";

Deno.test("live update: quotas go along, but for those that the command line changes", async () => {
  const args = ["--xen", "no", "--quota", "nodes=50", "--quota", "watches=60"];
  await using daemon = await startDaemon({ args });
  const client = await RawClient.connect(daemon.socketPath);
  const control = async (...words: string[]): Promise<string> => {
    const payload = toBytes(words.map((word) => `${word}\0`).join(""));
    return (await client.exchange({ type: T.CONTROL, txId: 0, payload })).at(-1)!.text;
  };
  for (const [name, value] of [["nodes", "51"], ["watches", "61"], ["node-size", "700"]] as const) {
    assertEquals(await control("quota", "set", name, value), "OK\0");
  }
  const [file, ...words] = xsCommand();
  const commandLine = (...quotas: string[]): string =>
    [...words, "serve", "--socket", daemon.socketPath, "--xen", "no", ...quotas].join(" ");
  const expectQuotas = async (nodes: number, watches: number, size: number): Promise<void> => {
    const quotas = await control("quota");
    assertMatch(quotas, new RegExp(`nodes +: +${nodes} `));
    assertMatch(quotas, new RegExp(`watches +: +${watches} `));
    assertMatch(quotas, new RegExp(`node-size +: +${size} `));
  };
  const next = (...quotas: string[]): Promise<string> =>
    update(client, { file, commandLine: commandLine(...quotas) });
  assertEquals(await next("--quota", "nodes=50", "--quota", "watches=70"), "OK");
  await expectQuotas(51, 70, 700);
  assertEquals(await next("--quota", "nodes=52"), "OK");
  await expectQuotas(52, 70, 700);
  assertEquals(await update(client, { file }), "OK");
  await expectQuotas(52, 70, 700);
  client.close();
});
