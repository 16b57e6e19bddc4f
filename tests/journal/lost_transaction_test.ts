/** A guest goes on in a transaction that was open when the daemon died. */
import { assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { makeScratch } from "../support/scratch.ts";
import { Hypervisor, Life } from "../support/lives.ts";

const GUEST = 1;

type Ask = (type: number, payload: string, txId?: number) => string;

/** A guest with a node; `before` is what it does before the daemon dies, `after` afterwards. */
async function overDeath(before: (ask: Ask) => void, after: (ask: Ask) => void): Promise<void> {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`;
  const hypervisor = new Hypervisor();
  hypervisor.create(GUEST);
  const live = (play: (ask: Ask) => void): void => {
    const life = new Life(hypervisor, path);
    try {
      if (life.ask(GUEST, T.READ, "/home\0") === null) settle(life);
      play((type, payload, txId = 1) => life.ask(GUEST, type, payload, txId) ?? "no ring");
      assertEquals(life.journal.commit(), true);
    } finally {
      life.close();
    }
  };
  live(before);
  live(after);
}

function settle(life: Life): void {
  life.ask(0, T.WRITE, "/home\0");
  life.ask(0, T.SET_PERMS, `/home\0n${GUEST}\0`);
  life.ask(0, T.INTRODUCE, `${GUEST}\0${1}\0${5}\0`);
  life.ask(GUEST, T.WRITE, "/home/node\0old");
  life.ask(GUEST, T.TRANSACTION_START, "\0");
}

const LOOKS: readonly [number, string][] = [
  [T.READ, "/home/node\0"],
  [T.READ, "/home/made\0"],
  [T.DIRECTORY, "/home\0"],
  [T.DIRECTORY_PART, "/home\0" + "0\0"],
  [T.GET_PERMS, "/home/node\0"],
];
const answers = (ask: Ask): string[] => LOOKS.map(([type, payload]) => ask(type, payload));

Deno.test("what a lost transaction had changed it can't tell: EAGAIN", async () => {
  await overDeath((ask) => {
    ask(T.WRITE, "/home/node\0new");
    ask(T.MKDIR, "/home/made\0");
  }, (ask) => {
    assertEquals([...new Set(answers(ask))], ["ERROR EAGAIN\0"]);
    assertEquals(ask(T.READ, "/home/node\0", 0), "READ old");
    assertEquals(ask(T.READ, "home//\0"), "ERROR EINVAL\0");
    assertEquals(ask(T.TRANSACTION_END, "T\0"), "ERROR EAGAIN\0");
  });
});

Deno.test("what nobody had changed a lost transaction tells as before", async () => {
  const before: string[] = [];
  await overDeath((ask) => void before.push(...answers(ask)), (ask) => {
    assertEquals(answers(ask), before);
    assertEquals(ask(T.WRITE, "/home/node\0new"), "WRITE OK\0");
    assertEquals(ask(T.TRANSACTION_END, "T\0"), "ERROR EAGAIN\0");
    assertEquals(ask(T.READ, "/home/node\0", 0), "READ old");
  });
});

Deno.test("what others have changed since its start a lost transaction can't tell", async () => {
  for (const diesFirst of [false, true]) {
    const change = (ask: Ask): void => {
      ask(T.WRITE, "/home/node\0newer", 0);
      ask(T.MKDIR, "/home/made\0", 0);
    };
    await overDeath((ask) => {
      assertEquals(ask(T.READ, "/home/node\0"), "READ old");
      if (!diesFirst) change(ask);
    }, (ask) => {
      if (diesFirst) change(ask);
      assertEquals([...new Set(answers(ask))], ["ERROR EAGAIN\0"]);
      assertEquals(ask(T.READ, "/\0"), "ERROR EACCES\0");
    });
  }
});

Deno.test("a lost transaction takes changes, and refuses only with EAGAIN", async () => {
  await overDeath((ask) => void ask(T.WRITE, "/home/made/below\0x"), (ask) => {
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
  await overDeath((ask) => void ask(T.RM, "/home/node\0"), (ask) => {
    assertEquals(ask(T.TRANSACTION_END, "F\0"), "TRANSACTION_END OK\0");
    assertEquals(ask(T.READ, "/home/node\0"), "ERROR ENOENT\0");
  });
});
