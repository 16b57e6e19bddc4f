/** The stories of docs/debugging.md about what goes on now, played on a server of this process. */
import { Client } from "../../lib/client/client.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { RSP_PROD } from "../../lib/transport/ring_page.ts";
import { encodeMessage } from "../../lib/wire/header.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { joinStrings } from "../../lib/wire/payload.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { until } from "../support/patience.ts";
import { startRecorded } from "../support/recorded_daemon.ts";
import { tellStory } from "./page.ts";
import { startProgram } from "./program.ts";

const BACKEND = "/local/domain/0/backend";

const WATCHERS = `for (let i = 0; i < 30; i++) {
  const watch = await (await connect()).watch("${BACKEND}");
  (async () => { for await (const _ of watch); })();
}
console.log("watching");
`;

const WRITER = `const client = await connect();
console.log("writing");
for (;;) {
  await client.write("${BACKEND}/vif/7/0/state", "4");
  await pause();
}
`;

Deno.test("story: everything is slow", async () => {
  await using server = await EmbeddedServer.start();
  const { socketPath } = server;
  await using _watchers = await startProgram("qemu-system-i386", socketPath, WATCHERS);
  await using _writer = await startProgram("netback", socketPath, WRITER);
  await tellStory("Everything is slow: which client is busy?", { socketPath, log: [] });
});

Deno.test("story: no guest starts any more", async () => {
  await using server = await startRecorded();
  const { domains, history, socketPath } = server;
  using client = await Client.connect({ socket: socketPath });
  for (const domid of [8, 9]) {
    domains.create(domid);
    await client.introduce(domid, 1, 1);
  }
  await client.mkdir(`${BACKEND}/vchan/8`);
  await client.write(`${BACKEND}/vif/9/0/state`, "6");
  for (const domid of [8, 9]) {
    const before = history.last;
    domains.remove(domid);
    await until("the end of the domain", () => history.last > before);
  }
  await tellStory("No guest starts any more: what fills the store?", { socketPath, log: [] });
});

Deno.test("story: a guest hangs", async () => {
  await using server = await EmbeddedServer.start();
  const { domains, socketPath } = server;
  using client = await Client.connect({ socket: socketPath });
  for (const domid of [7, 8]) {
    domains.create(domid);
    await client.introduce(domid, 1, 1);
  }
  await client.write("/local/domain/7/name", "web");
  await client.setPerms("/local/domain/7/name", [{ domid: 7, access: "n" }]);
  const silent = domains.guest(7), broken = domains.guest(8);
  const ask = encodeMessage(MessageType.READ, 9, 0, joinStrings("name"));
  silent.write(ask, 0, ask.length);
  silent.kick();
  await until("the answer", () => silent.page.words[RSP_PROD]! > 0);
  const long = encodeMessage(MessageType.WRITE, 7, 0, toBytes("name\0mail"));
  new DataView(long.buffer).setUint32(12, 70_000, true);
  broken.write(long, 0, long.length);
  broken.kick();
  await tellStory("A guest hangs: does it wait, or the daemon?", { socketPath, log: [] });
});
