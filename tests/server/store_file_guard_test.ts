/** A store file that is taken away under a running daemon is told once, and can be written anew. */
import { systemClock } from "../../lib/clock.ts";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { StoreFileGuard } from "../../lib/server/persistence/store_file_guard.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { RawClient } from "../support/raw_client.ts";
import { update } from "../support/operator.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { until } from "../support/patience.ts";
import { makeScratch } from "../support/scratch.ts";

const [XS] = xsCommand();
const FILES = ["", "-wal", ".tail"];

const TROUBLES: readonly [what: string, how: (store: string) => void, said: string][] = [
  ["deleted", (store) => Deno.removeSync(store), "store was deleted"],
  ["log deleted", (store) => Deno.removeSync(`${store}-wal`), "store-wal was deleted"],
  ["tail deleted", (store) => Deno.removeSync(`${store}.tail`), "store.tail was deleted"],
  ["cut to nothing", (store) => Deno.truncateSync(store, 0), "store was cut to 0 bytes"],
  ["replaced", (store) => {
    Deno.copyFileSync(store, `${store}.new`);
    Deno.renameSync(`${store}.new`, store);
  }, "store was replaced"],
];

for (const [what, how, said] of TROUBLES) {
  Deno.test(`store watch: a store that is ${what} is told once`, async () => {
    await using scratch = await makeScratch();
    const path = `${scratch.path}/store`;
    for (const suffix of FILES) Deno.writeFileSync(path + suffix, new Uint8Array(8_192));
    const log: string[] = [];
    const watch = new StoreFileGuard(
      path,
      (level, text) => void log.push(`${level}: ${text}`),
      systemClock,
    );
    watch.look();
    Deno.truncateSync(path, 4_096);
    Deno.writeFileSync(`${path}.tail`, new Uint8Array(1));
    watch.look();
    assertEquals(log, []);
    how(path);
    watch.look();
    watch.look();
    assertEquals(log.length, 1);
    assertStringIncludes(log[0]!, `error: store ${path}: ${scratch.path}/${said}: `);
  });
}

Deno.test("store watch: a store that cannot be kept is not looked for", () => {
  const log: string[] = [];
  const watch = new StoreFileGuard(
    "/nowhere/store",
    (level, text) => void log.push(`${level}: ${text}`),
    systemClock,
  );
  watch.look();
  assertEquals(log, []);
});

async function ask(client: RawClient, type: number, text: string): Promise<string> {
  const messages = await client.exchange({ type, txId: 0, payload: toBytes(text) });
  return messages.at(-1)!.text;
}

for (const gone of [[""], FILES]) {
  const what = gone.map((suffix) => `store${suffix}`).join(", ");
  Deno.test(`store watch: deleted under a daemon (${what}), it is there again after a live update`, async () => {
    await using scratch = await makeScratch();
    const path = `${scratch.path}/store`, socket = `${scratch.path}/socket`;
    const options = { args: ["--xen", "no", "--store", path], socket };
    let daemon = await startDaemon(options);
    try {
      let client = await RawClient.connect(socket);
      assertEquals(await ask(client, T.WRITE, "/a\0before"), "OK\0");
      for (const suffix of gone) Deno.removeSync(path + suffix);
      await until("the line", () => daemon.output().includes(`error: store ${path}: `));
      assertEquals(await ask(client, T.WRITE, "/b\0after"), "OK\0");
      assertEquals(await update(client, { file: XS }), "OK", daemon.output());
      assertEquals(await ask(client, T.WRITE, "/c\0anew"), "OK\0");
      client.close();
      Deno.kill(daemon.pid, "SIGKILL");
      await daemon.status;
      daemon = await startDaemon(options);
      client = await RawClient.connect(socket);
      for (const [node, value] of [["/a", "before"], ["/b", "after"], ["/c", "anew"]]) {
        assertEquals(await ask(client, T.READ, `${node}\0`), value);
      }
      client.close();
    } finally {
      await daemon.stop();
    }
  });
}
