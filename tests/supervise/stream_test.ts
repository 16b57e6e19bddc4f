/** A client whose socket a supervisor holds can become a reader of a stream: then nobody holds it any more. */
import { assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../lib/clock.ts";
import { Client } from "../../lib/client/client.ts";
import { XenstoreError } from "../../lib/client/error.ts";
import { FrameStream } from "../../lib/client/frames.ts";
import { openStream } from "../../lib/client/stream.ts";
import { FrameKind } from "../../lib/wire/stream_frame.ts";
import { until } from "../support/patience.ts";
import { heldBy, Supervised } from "../support/supervised.ts";

/** The listening socket, the counts, and one client. Who looked whether the daemon serves may be held for a moment. */
const HELD = 3;

Deno.test("a reader of a stream ends with the daemon, while clients outlive it", async () => {
  await using host = await Supervised.start();
  using client = await Client.connect({ socket: host.path });
  await client.write("/a", "1");
  await until("one client held", () => heldBy(host.server.pid) === HELD);
  const options = { clock: systemClock, timeout: 60_000 };
  const stream = await FrameStream.open(
    await openStream(host.path),
    host.path,
    ["messages"],
    options,
  );
  await client.write("/a", "2");
  const kinds: number[] = [];
  while (!kinds.includes(FrameKind.CALL)) {
    kinds.push(...((await stream.next()) ?? []).map(({ kind }) => kind));
  }
  await until("the supervisor to give up the reader", () => heldBy(host.server.pid) === HELD);
  await host.kill();
  await assertRejects(() => stream.next(), XenstoreError, "the daemon has ended the stream");
  stream.close();
  assertEquals(await client.readText("/a"), "2");
});
