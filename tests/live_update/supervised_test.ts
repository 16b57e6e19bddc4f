/** A live update of a daemon whose clients' sockets are held by its supervisor. */
import { assert, assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { RawClient } from "../support/raw_client.ts";
import { childrenOf, heldBy, Supervised } from "../support/supervised.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { until } from "../support/patience.ts";
import { update } from "../support/operator.ts";

const [XS] = xsCommand();

async function ask(client: RawClient, type: number, text: string): Promise<string[]> {
  const payload = toBytes(text.replaceAll(".", "\0"));
  const messages = await client.exchange({ type, txId: 0, payload });
  return messages.map((message) => message.text.replaceAll("\0", "."));
}

Deno.test("live update: a daemon without a supervisor does not get one", async () => {
  await using daemon = await startDaemon({ args: ["--xen", "no"] });
  const client = await RawClient.connect(daemon.socketPath);
  const [file, ...words] = xsCommand();
  const serve = ["serve", "--supervise", "--xen", "no", "--socket", daemon.socketPath];
  const commandLine = [...words, ...serve].join(" ");
  assertEquals(await update(client, { file, commandLine }), "OK", daemon.output());
  assertEquals(childrenOf(daemon.pid), []);
  assertEquals((await ask(client, T.WRITE, "/a.b")).at(-1), "OK.");
  client.close();
});

Deno.test("live update: what a supervisor holds goes along, and outlives the next daemon", async () => {
  await using supervised = await Supervised.start(["--xen", "no"]);
  const clients: RawClient[] = [];
  for (let i = 0; i < 3; i++) {
    const client = await RawClient.connect(supervised.path);
    assertEquals((await ask(client, T.WATCH, `/news.${i}.`))[0], "OK.");
    clients.push(client);
  }
  const [operator] = clients;
  await ask(operator!, T.WRITE, "/news.0");
  // The clients' sockets, the listening one, and the counts.
  const held = clients.length + 2;
  const daemon = supervised.daemon;
  for (let i = 1; i <= 3; i++) {
    assertEquals(await update(operator!, { file: XS }), "OK", supervised.server.output());
    assertEquals(supervised.daemon, daemon);
    await until("all that was held, once", () => heldBy(supervised.server.pid) === held);
    assertEquals((await ask(clients[1]!, T.READ, "/news.")).at(-1), `${i - 1}`);
    await ask(clients[2]!, T.WRITE, `/news.${i}`);
  }
  await supervised.kill();
  for (const [at, client] of clients.entries()) {
    const heard = await ask(client, T.READ, "/news.");
    assertEquals(heard.at(-1), "3", supervised.server.output());
    assert(heard.slice(0, -1).every((event) => event === `/news.${at}.`));
    assertEquals((await ask(client, T.WRITE, `/by/${at}.`)).at(-1), "OK.");
    client.close();
  }
});
