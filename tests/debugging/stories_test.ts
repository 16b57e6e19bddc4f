/** The stories of docs/debugging.md, played on a server of this process. */
import { assertRejects } from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { Operations } from "../../lib/client/operations.ts";
import { Session } from "../../lib/client/session.ts";
import { openStream } from "../../lib/client/stream.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { tellStory } from "./page.ts";

Deno.test("story: two toolstacks make each other's transactions fail", async () => {
  const log: string[] = [];
  await using server = await EmbeddedServer.start({
    log: (level, text) => void log.push(`${level}: ${text}`),
  });
  const { socketPath } = server;
  const session = new Session(await openStream(socketPath), socketPath);
  await using agent = await Client.connect({ socket: socketPath });
  await agent.write("/tool/lock", "1");
  for (let i = 0; i < 3; i++) {
    const transaction = await new Operations(session).begin();
    await transaction.read("/tool/lock");
    await transaction.write("/tool/lock", toBytes("mine"));
    await agent.write("/tool/lock", "1".repeat(i + 2));
    await assertRejects(() => transaction.end(true));
  }
  await tellStory("Two toolstacks make each other's transactions fail", { socketPath, log });
  session.close();
});

Deno.test("story: a guest runs out of watches", async () => {
  const log: string[] = [];
  await using server = await EmbeddedServer.start({
    log: (level, text) => void log.push(`${level}: ${text}`),
  });
  const { socketPath } = server;
  await using toolstack = await Client.connect({ socket: socketPath });
  await toolstack.write("/local/domain/5/name", "web1");
  using guest = await server.guest(5);
  for (let i = 0; i < 128; i++) await guest.watch("device");
  for (let i = 0; i < 2; i++) await assertRejects(() => guest.watch("device"));
  await tellStory("A guest runs out of watches", { socketPath, log });
  await guest.watch("device");
});
