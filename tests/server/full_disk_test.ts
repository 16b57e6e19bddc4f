/** A disk without space for the log and the trace: `/dev/full` takes no byte. */
import { assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { startDaemon } from "../support/daemon.ts";
import { SocketClient } from "./socket_client.ts";

/** How often the daemon said so. */
function times(output: string, what: string): number {
  return output.split(what).length - 1;
}

Deno.test("Without space for log and trace it goes on, and says so once on stderr", async () => {
  const files = ["--log-file", "/dev/full", "--trace-file", "/dev/full"];
  const daemon = await startDaemon({ args: files });
  await using client = await SocketClient.connect(daemon.socketPath);
  for (let i = 0; i < 10; i++) assertEquals(await client.ask(T.WRITE, "/x\0y"), "OK\0");
  Deno.kill(daemon.pid, "SIGTERM");
  assertEquals((await daemon.status).code, 0);
  const output = daemon.output();
  const full = "No space left on device";
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
  assertEquals(times(output, "xs: info: stopped\n"), 1, output);
});
