/** A guest goes on in a transaction that was open when the daemon died. */
import { assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { makeScratch } from "../support/scratch.ts";
import { Hypervisor, Life } from "./lives.ts";

const GUEST = 1;
const DONE = "OK\0";

/** A guest with a node, in a transaction that made another, in the daemon's second life. */
async function inLostTransaction(
  play: (ask: (type: number, payload: string, txId?: number) => string) => void,
): Promise<void> {
  await using scratch = await makeScratch();
  const hypervisor = new Hypervisor();
  hypervisor.create(GUEST);
  const first = new Life(hypervisor, `${scratch.path}/store`);
  first.ask(0, T.WRITE, "/home\0");
  first.ask(0, T.SET_PERMS, `/home\0n${GUEST}\0`);
  first.ask(0, T.INTRODUCE, `${GUEST}\0${1}\0${5}\0`);
  first.ask(GUEST, T.WRITE, "/home/node\0old");
  first.ask(GUEST, T.TRANSACTION_START, "\0");
  first.ask(GUEST, T.WRITE, "/home/node\0new", 1);
  first.ask(GUEST, T.MKDIR, "/home/made\0", 1);
  first.journal.commit();
  first.close();
  const second = new Life(hypervisor, `${scratch.path}/store`);
  try {
    play((type, payload, txId = 1) => second.ask(GUEST, type, payload, txId) ?? "no ring");
  } finally {
    second.close();
  }
}

Deno.test("a lost transaction tells nothing that it can't know: EAGAIN", async () => {
  await inLostTransaction((ask) => {
    const replies = [
      ask(T.READ, "/home/node\0"),
      ask(T.READ, "/home/made\0"),
      ask(T.DIRECTORY, "/home\0"),
      ask(T.DIRECTORY_PART, "/home\0" + "0\0"),
      ask(T.GET_PERMS, "/home/node\0"),
    ];
    assertEquals([...new Set(replies)], ["ERROR EAGAIN\0"]);
    assertEquals(ask(T.READ, "/home/node\0", 0), "READ old");
    assertEquals(ask(T.TRANSACTION_END, "T\0"), "ERROR EAGAIN\0");
  });
});

Deno.test("a lost transaction takes what it can and refuses only with EAGAIN", async () => {
  await inLostTransaction((ask) => {
    assertEquals(ask(T.WRITE, "/home/node\0newer"), "WRITE OK\0");
    assertEquals(ask(T.MKDIR, "/home/more\0"), "MKDIR OK\0");
    assertEquals(ask(T.RM, "/home/node\0"), "RM OK\0");
    // Made in the transaction itself, which nobody knows any more.
    assertEquals(ask(T.RM, "/home/made/below\0"), "ERROR EAGAIN\0");
    assertEquals(ask(T.SET_PERMS, `/home/made\0n${GUEST}\0`), "ERROR EAGAIN\0");
    // No other try would help.
    assertEquals(ask(T.WRITE, "/home//\0x"), "ERROR EINVAL\0");
    assertEquals(ask(T.TRANSACTION_END, "T\0"), "ERROR EAGAIN\0");
    assertEquals(ask(T.READ, "/home/node\0", 0), "READ old");
  });
});

Deno.test("a lost transaction can be dropped", async () => {
  await inLostTransaction((ask) => {
    assertEquals(ask(T.TRANSACTION_END, "F\0"), `TRANSACTION_END ${DONE}`);
    assertEquals(ask(T.READ, "/home/node\0"), "ERROR ENOENT\0");
  });
});
