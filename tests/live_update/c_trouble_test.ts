/** What xs leaves out of the state for a C xenstored that would die of it. */
import { assert, assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { decodeStream } from "../../lib/codec/stream.ts";
import { RawClient } from "../support/raw_client.ts";
import { SimulatedHost, simulationMissing } from "../support/simulation/simulated_host.ts";
import { until } from "../support/patience.ts";
import { testUnless } from "../support/skip.ts";
import { command, startXs } from "../support/operator.ts";

const exists = (path: string): boolean => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
};

/** A script with the marks of a C xenstored that reads version 2; it keeps the state only. */
async function likeC(host: SimulatedHost): Promise<string> {
  const file = `${host.path}/like-c`;
  const lines = [
    "#!/bin/sh",
    "# live-update: read state",
    "# Migration stream version not supported.",
    `cp '${host.path}/state_dump' '${host.path}/kept.new'`,
    `mv '${host.path}/kept.new' '${host.path}/kept'`,
    "exec sleep 60",
    "",
  ];
  await Deno.writeTextFile(file, lines.join("\n"), { mode: 0o755 });
  return file;
}

testUnless(
  simulationMissing(),
  "live update: C xenstored gets no depths of watches and no ids of domains",
  async () => {
    await using host = await SimulatedHost.make();
    const daemon = await startXs(host);
    try {
      const client = await RawClient.connect(host.socketPath);
      for (const text of ["/\0all\0", "/tool\0deep\x002\0"]) {
        const messages = await client.exchange({ type: T.WATCH, txId: 0, payload: toBytes(text) });
        assertEquals(messages.at(-1)?.type, T.WATCH, text);
      }
      assertEquals(await command(client, "-f", await likeC(host)), "OK");
      const start = toBytes("live-update\0-s\0-t\x005\0");
      // The reply is within the state: nobody sends it here.
      client.exchange({ type: T.CONTROL, txId: 0, payload: start }).catch(() => {});
      await until("the state", () => exists(`${host.path}/kept`)).catch((e) => {
        throw new Error(daemon.output(), { cause: e });
      });
      const { version, records } = decodeStream(Deno.readFileSync(`${host.path}/kept`));
      assertEquals(version, 2);
      // Their record with a depth ends C xenstored of 4.22, and one of 4.21 loses the watch.
      assertEquals(
        records.flatMap((record) => record.kind === "watch" ? [[record.token, record.depth]] : []),
        [["all", Infinity], ["deep", Infinity]],
      );
      // Ours may be others than Xen's: C xenstored would bury every domain whose id is not Xen's.
      const ids = records.flatMap((record) => record.kind === "domain" ? [record.uniqueId] : []);
      assert(ids.length > 0);
      assertEquals(ids.filter((id) => id !== null), []);
      client.close();
    } finally {
      await daemon.stop();
    }
  },
);
