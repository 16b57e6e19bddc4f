/** A supervised daemon that is replaced by another (live update), and dies then. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { RawClient } from "../support/raw_client.ts";
import { command, update } from "../support/operator.ts";
import { xsCommand } from "../support/daemon.ts";
import { until, within } from "../support/patience.ts";
import { heldBy, Supervised } from "../support/supervised.ts";

Deno.test("supervised: clients go on after a live update, and after a death behind it", async () => {
  await using supervised = await Supervised.start();
  const { server } = supervised;
  try {
    await using client = await RawClient.connect(supervised.path);
    assertEquals(await client.ask(T.WATCH, "/a\0token\0"), "OK\0");
    await client.next();
    const operator = await RawClient.connect(supervised.path);
    await until("both clients held", () => heldBy(server.pid) === 4);
    const daemon = await until("a daemon", () => supervised.daemon);
    for (let round = 1; round <= 2; round++) {
      const [file] = xsCommand();
      assertEquals(await update(operator, { file }), "OK");
      assertEquals(supervised.daemon, daemon, "the process stays");
      assertEquals(await client.ask(T.READ, "/tool\0"), "");
      await until("both clients held anew", () => heldBy(server.pid) === 4);
    }
    assertStringIncludes(server.output(), "live update: took over");
    for (let death = 1; death <= 2; death++) {
      await supervised.kill();
      await client.send(T.WRITE, 1, `/a\0${death}`);
      assertEquals((await client.next())?.text, "/a\0token\0");
      assertEquals((await client.next())?.text, "OK\0");
    }
    await supervised.kill();
    operator.close();
    await until("one client held", () => heldBy(server.pid) === 3);
  } catch (error) {
    throw new Error(server.output(), { cause: error });
  }
});

/** Somebody who connects, asks and leaves, again and again; returns how often. */
async function comeAndGo(path: string, ended: () => boolean): Promise<number> {
  for (let times = 0;; times++) {
    if (ended()) return times;
    await using client = await RawClient.connect(path);
    assertEquals(await client.ask(T.READ, "/tool\0"), "");
  }
}

Deno.test("supervised: nobody who comes during a live update is hung up", async () => {
  await using supervised = await Supervised.start();
  const { server } = supervised;
  try {
    const operator = await RawClient.connect(supervised.path);
    let ended = false;
    const crowd = [1, 2, 3].map(() => comeAndGo(supervised.path, () => ended));
    const [file] = xsCommand();
    for (let round = 1; round <= 2; round++) {
      assertEquals(await update(operator, { file }), "OK");
    }
    await supervised.kill();
    ended = true;
    for (const times of await Promise.all(crowd)) assert(times > 0);
    operator.close();
    await until("nobody held", () => heldBy(server.pid) === 2);
  } catch (error) {
    throw new Error(server.output(), { cause: error });
  }
});

Deno.test("supervised: who waits for a live update when the daemon dies gets an answer", async () => {
  await using supervised = await Supervised.start();
  const { server } = supervised;
  try {
    await using other = await RawClient.connect(supervised.path);
    const operator = await RawClient.connect(supervised.path);
    const [file] = xsCommand();
    // It ends before the update, which waits for that.
    await other.ask(T.TRANSACTION_START, "\0");
    assertEquals(await command(operator, "-f", file), "OK");
    const answer = command(operator, "-s", "-t", "60");
    const busy = "live-update session already active.";
    assertEquals(await other.ask(T.CONTROL, `live-update\0-f\0${file}\0`), `${busy}\0`);
    await until("the session", () => server.output().includes("is tried out"));
    assertEquals(await other.ask(T.READ, "/tool\0"), "");
    await supervised.kill();
    assertEquals(
      await within(answer, "answer"),
      "The daemon died before another was in its place.",
    );
    for (let round = 1; round <= 2; round++) {
      await supervised.kill();
      assertEquals(await command(operator, "-a"), "No live-update session active.");
    }
    operator.close();
  } catch (error) {
    throw new Error(server.output(), { cause: error });
  }
});
