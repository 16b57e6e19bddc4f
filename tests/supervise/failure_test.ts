/** A daemon that ends by an internal error, while somebody holds its clients. */
import { systemClock } from "../../lib/clock.ts";
import { assertEquals, assertRejects } from "@std/assert";
import { openStore } from "../../lib/journal/store_file.ts";
import { Daemon } from "../../lib/server/start/daemon.ts";
import { HeldSockets } from "../../lib/server/supervision/held_sockets.ts";
import { SILENT } from "../../lib/server/logging/log.ts";
import { EMBEDDED_POLICY } from "../../lib/server/loop.ts";
import { MemoryDomains } from "../../lib/server/domains/memory_domains.ts";
import { createListeningSocket } from "../../lib/server/process/create_listening_socket.ts";
import { Trace } from "../../lib/server/logging/trace.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { RawClient } from "../support/raw_client.ts";
import { makeScratch } from "../support/scratch.ts";
import { Keeper } from "./held_server.ts";

Deno.test("an internal error hangs nobody up who is held", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/socket`;
  const keeper = new Keeper();
  const listening = await createListeningSocket({ path, isFallback: false }, systemClock);
  const start = (): { daemon: Daemon; fail: () => void } => {
    const { journal } = openStore(`${path}.store`, { durability: "crash", log: SILENT });
    const daemon = Daemon.start({
      listening,
      domains: new MemoryDomains(),
      journal,
      policy: EMBEDDED_POLICY,
      trace: new Trace(),
      clock: systemClock,
      log: SILENT,
      held: HeldSockets.open(keeper, SILENT),
    });
    const fail = (): void => {
      journal.commit = () => {
        throw new Error("a defect");
      };
    };
    return { daemon, fail };
  };
  const first = start();
  const client = await RawClient.connect(path);
  assertEquals(await client.ask(T.WRITE, "/a\0x"), "OK\0");
  first.fail();
  await client.send(T.READ, 7, "/a\0");
  await assertRejects(() => first.daemon.finished, Error, "a defect");
  assertEquals(keeper.kept.size, 2);
  keeper.nextLife();
  const second = start();
  const reply = await client.next();
  assertEquals([reply?.reqId, reply?.text], [7, "x"]);
  client.close();
  await second.daemon.stop();
  assertEquals(keeper.kept.size, 0);
});
