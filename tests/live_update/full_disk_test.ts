/** xs gives way to xs while there is no space for the store. */
import { assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { RawClient } from "../support/raw_client.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { makeScratch } from "../support/scratch.ts";
import { fillUp, smallDisk } from "../support/small_disk.ts";
import { update } from "../support/operator.ts";

const [XS] = xsCommand();
const VALUE = "v".repeat(2000);

async function ask(client: RawClient, type: number, text: string): Promise<string> {
  const messages = await client.exchange({ type, txId: 0, payload: toBytes(text) });
  return messages.at(-1)!.text;
}

Deno.test("live update: without space for the store, nothing is lost either", async () => {
  await using scratch = await makeScratch();
  await using disk = await smallDisk(scratch.path);
  if (disk === null) {
    console.log("no right to mount a small file system: not tested");
    return;
  }
  const options = { args: ["--xen", "no", "--store", `${scratch.path}/store`] };
  let daemon = await startDaemon(options);
  const { socketPath } = daemon;
  try {
    let client = await RawClient.connect(socketPath);
    for (let i = 0; i < 300; i++) {
      assertEquals(await ask(client, T.WRITE, `/n/${i}\0${i} ${VALUE}`), "OK\0");
    }
    fillUp(`${scratch.path}/filler`);
    assertEquals(await update(client, { file: XS }), "OK", daemon.output());
    // As a rule the file has room of its own for an image; where it has none, the daemon says so.
    for (let i = 0; i < 300; i += 50) {
      assertEquals(await ask(client, T.READ, `/n/${i}\0`), `${i} ${VALUE}`);
    }
    client.close();
    Deno.kill(daemon.pid, "SIGKILL");
    await daemon.status;
    daemon = await startDaemon({ ...options, socket: socketPath });
    client = await RawClient.connect(socketPath);
    for (let i = 0; i < 300; i += 50) {
      assertEquals(await ask(client, T.READ, `/n/${i}\0`), `${i} ${VALUE}`);
    }
    Deno.removeSync(`${scratch.path}/filler`);
    while (await ask(client, T.WRITE, "/room\0") === "ENOSPC\0") {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assertEquals(await update(client, { file: XS }), "OK", daemon.output());
    assertEquals(await ask(client, T.READ, "/n/299\0"), `299 ${VALUE}`);
    client.close();
  } finally {
    await daemon.stop();
  }
});
