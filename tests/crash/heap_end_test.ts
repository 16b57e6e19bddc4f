import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { encodeMessage } from "../../lib/wire/header.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { startDaemon } from "../support/daemon.ts";
import { makeScratch } from "../support/scratch.ts";

/** Old objects that V8 allows itself then, in MiB: the daemon has some 15 when it serves nobody. */
const ENV = { DENO_V8_FLAGS: "--max-old-space-size=56" };

/** Makes nodes until the daemon is gone. */
async function fill(socketPath: string, top: string): Promise<void> {
  const connection = await Deno.connect({ transport: "unix", path: socketPath });
  const sink = connection.readable.pipeTo(new WritableStream()).catch(() => {});
  const writer = connection.writable.getWriter();
  try {
    for (let i = 0; i < 20_000; i++) {
      const requests = Array.from({ length: 64 }, (_, j) => {
        const path = `/${top}/${i >> 2}/${i & 3}-${j}\0`;
        return encodeMessage(T.MKDIR, 1, 0, toBytes(path)).slice();
      });
      for (const request of requests) await writer.write(request);
    }
  } catch {
    // It is gone.
  }
  await sink;
}

Deno.test("a daemon that dies at the end of V8's heap leaves word of it for the next", async () => {
  await using scratch = await makeScratch();
  const socket = `${scratch.path}/socket`;
  const mark = `${socket}.store.memory`;
  const options = { socket, env: ENV, args: ["--memory", "0"] };
  {
    await using daemon = await startDaemon(options);
    await fill(daemon.socketPath, "a");
    assertStringIncludes(daemon.output(), "out of memory");
  }
  assertEquals(Deno.readTextFileSync(mark), "0 short");
  // With room enough the next life goes on, and knows.
  await using daemon = await startDaemon({ socket });
  assertEquals(Deno.readTextFileSync(mark), "1 well");
  await daemon.stop();
  assert(!Deno.readDirSync(scratch.path).some(({ name }) => name.endsWith(".memory")));
});
