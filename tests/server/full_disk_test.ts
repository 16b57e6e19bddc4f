/** A disk without space for the log and the trace: `/dev/full` takes no byte. */
import { assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { startDaemon } from "../support/daemon.ts";
import { makeScratch } from "../support/scratch.ts";
import { fillUp, smallDisk } from "../support/small_disk.ts";
import { RawClient } from "../support/raw_client.ts";

/** How often the daemon said so. */
function times(output: string, what: string): number {
  return output.split(what).length - 1;
}

Deno.test("Without space for log and trace it goes on, and says so once on stderr", async () => {
  const files = ["--log-file", "/dev/full", "--trace-file", "/dev/full"];
  const daemon = await startDaemon({ args: files });
  await using client = await RawClient.connect(daemon.socketPath);
  for (let i = 0; i < 10; i++) assertEquals(await client.ask(T.WRITE, "/x\0y"), "OK\0");
  Deno.kill(daemon.pid, "SIGTERM");
  assertEquals((await daemon.status).code, 0);
  const output = daemon.output();
  const full = "no space left on the file system";
  assertEquals(
    times(output, `xs: error: cannot write the log /dev/full, using stderr: ${full}`),
    1,
    output,
  );
  assertEquals(
    times(output, `xs: warning: cannot write the trace /dev/full, dropping lines: ${full}`),
    1,
    output,
  );
  assertEquals(times(output, "xs: info: daemon: stopped by SIGTERM\n"), 1, output);
});

Deno.test("Without space for the store changes get ENOSPC, until there is some again", async () => {
  await using scratch = await makeScratch();
  await using fileSystem = await smallDisk(scratch.path);
  if (fileSystem === null) {
    console.log("no right to mount a small file system: tests/journal/full_test.ts must do");
    return;
  }
  const options = { args: ["--store", `${scratch.path}/store`] };
  let daemon = await startDaemon(options);
  try {
    const client = await RawClient.connect(daemon.socketPath);
    const write = (i: number): Promise<string> =>
      client.ask(T.WRITE, `/full/${i % 40}\0${`${i}`.padEnd(2000)}`);
    for (let i = 0; i < 50; i++) assertEquals(await write(i), "OK\0");
    const filler = `${scratch.path}/filler`;
    fillUp(filler);
    let last = 50;
    while (await write(last) === "OK\0") last++;
    assertEquals(
      await client.ask(T.READ, `/full/${(last - 1) % 40}\0`),
      `${last - 1}`.padEnd(2000),
    );
    assertEquals(await client.ask(T.RM, "/full\0"), "ENOSPC\0");
    await client[Symbol.asyncDispose]();
    const { socketPath } = daemon;
    Deno.kill(daemon.pid, "SIGKILL");
    await daemon.status;
    daemon = await startDaemon({ ...options, socket: socketPath });
    await using next = await RawClient.connect(socketPath);
    assertEquals(await next.ask(T.READ, `/full/${(last - 1) % 40}\0`), `${last - 1}`.padEnd(2000));
    Deno.removeSync(filler);
    while (await next.ask(T.WRITE, "/room\0") === "ENOSPC\0") await new Promise(setImmediate);
    assertEquals(await next.ask(T.RM, "/full\0"), "OK\0");
  } finally {
    await daemon.stop();
  }
});
