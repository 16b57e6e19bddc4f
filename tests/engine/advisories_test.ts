/** Advisories of the past whose lesson shows only inside of the engine, each with its number. */
import { assertEquals } from "@std/assert";
import { check } from "../../lib/engine/recount.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Client, newEngine } from "../support/engine_client.ts";

Deno.test("XSA-484: RESET_WATCHES in a transaction leaves nothing of it charged", () => {
  const engine = newEngine();
  const guest = new Client(engine, 1);
  const { now } = engine.state.accounts.of(1);
  const before = { ...now };
  for (let i = 0; i < 3; i++) {
    const tx = Number(guest.ask(T.TRANSACTION_START, "\0").slice("TRANSACTION_START ".length, -1));
    guest.ask(T.WRITE, `/a/b/c\0${"v".repeat(100)}`, tx);
    assertEquals(guest.ask(T.RESET_WATCHES, "\0", tx), "RESET_WATCHES OK\0");
    assertEquals(guest.ask(T.READ, "/a/b/c\0", tx), "ERROR ENOENT\0");
  }
  assertEquals(now, before);
  assertEquals(check(engine.state), []);
});
