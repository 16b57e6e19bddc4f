/** Who is behind a socket: found when it is asked for, and never taken for another process. */
import { Purges } from "../../lib/server/history/purges.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { systemClock } from "../../lib/clock.ts";
import { authorText } from "../../lib/engine/author.ts";
import type { Commit } from "../../lib/engine/commit_listener.ts";
import { Daemon } from "../../lib/server/start/daemon.ts";
import { MemoryDomains } from "../../lib/server/domains/memory_domains.ts";
import { NoJournal } from "../../lib/journal/journal.ts";
import { SILENT } from "../../lib/server/logging/log.ts";
import { Trace } from "../../lib/server/logging/trace.ts";
import { EMBEDDED_POLICY } from "../../lib/server/loop.ts";
import { createListeningSocket } from "../../lib/server/process/create_listening_socket.ts";
import { startTimeIn } from "../../lib/part_file.ts";
import { SocketProcess } from "../../lib/server/process/socket_process.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { makeScratch } from "../support/scratch.ts";
import { SimulatedClock } from "../support/simulated_clock.ts";
import { RawClient } from "../support/raw_client.ts";

const UID = Deno.uid()!;

function ownStart(): number {
  return startTimeIn(Deno.readTextFileSync("/proc/self/stat"))!;
}

Deno.test("socket process: a change is told with the process, its start, user and command line", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/socket`;
  const told: Pick<Commit, "author" | "type">[] = [];
  const daemon = Daemon.start({
    listening: await createListeningSocket({ path, isFallback: false }, systemClock),
    domains: new MemoryDomains(),
    journal: new NoJournal(),
    policy: EMBEDDED_POLICY,
    trace: new Trace(),
    log: SILENT,
    clock: systemClock,
    history: {
      purges: new Purges(),
      history: null,
      listener: {
        committed: ({ author, type }) => void told.push({ author, type }),
        aborted: () => {},
      },
      status: () => null,
      attach: () => {},
      dropSpare: () => {},
      maintain: () => false,
      maintainAt: Infinity,
      isBehind: false,
      close: () => {},
    },
  });
  try {
    await using client = await RawClient.connect(path);
    await client.ask(T.READ, "/tool\0");
    await client.ask(T.WRITE, "/a\0value");
    assertEquals(told.map(({ type }) => type), [null, T.WRITE]);
    assertEquals(told[0]!.author, { kind: "daemon" });
    const { author } = told[1]!;
    assert(author.kind === "process");
    const { command, ...others } = author;
    assertEquals(others, {
      kind: "process",
      domid: 0,
      pid: Deno.pid,
      uid: UID,
      startTime: ownStart(),
    });
    assertMatch(command!, /deno.* test/);
    assertMatch(authorText(author), new RegExp(`^pid ${Deno.pid}.* \\(.*deno`));
  } finally {
    await daemon.stop();
  }
});

Deno.test("socket process: one that has ended is told by what was known of it", async () => {
  const args = ["-c", "echo; read x; exit 0"];
  const child = new Deno.Command("/bin/sh", { args, stdin: "piped", stdout: "piped" }).spawn();
  // Before it says something it may not be what it is to be.
  const reader = child.stdout.getReader();
  await reader.read();
  const process = new SocketProcess(0, { pid: child.pid, uid: 7 }, systemClock);
  assertEquals(process.label, `pid ${child.pid} sh`);
  await child.stdin.close();
  await child.status;
  await reader.cancel();
  const { pid } = child;
  const expected = {
    kind: "process",
    domid: 0,
    pid,
    uid: 7,
    startTime: null,
    command: "sh",
  } as const;
  assertEquals(process.author, expected);
  assertEquals(authorText(process.author), `pid ${pid} of user 7 (sh)`);
  const late = new SocketProcess(0, { pid, uid: 7 }, systemClock);
  assertEquals(late.author, { ...expected, command: null });
});

Deno.test("socket process: one that started after the connection was accepted is another", () => {
  const credentials = { pid: Deno.pid, uid: UID };
  const name = Deno.readTextFileSync("/proc/self/comm").trimEnd();
  const clock = new SimulatedClock();
  const [same, other] = [0, 1].map(() => new SocketProcess(0, credentials, clock)) as [
    SocketProcess,
    SocketProcess,
  ];
  assertEquals(same.author.startTime, ownStart());
  clock.advance(1e12);
  assertEquals([other.author.startTime, other.author.command], [null, name]);
  // What is known once stays.
  assertEquals(same.author.startTime, ownStart());
  const label = (name: string): string => `socket 5 (pid ${Deno.pid} ${name})`;
  const before = (name: string): SocketProcess =>
    new SocketProcess(0, credentials, clock, label(name));
  assertEquals(before(name).author.startTime, ownStart());
  const { command, startTime } = before("xl").author;
  assertEquals([command, startTime], ["xl", null]);
});

Deno.test("socket process: what the kernel does not tell is null", () => {
  for (const credentials of [null, { pid: 0, uid: 65_534 }]) {
    const { author, label } = new SocketProcess(0, credentials, systemClock);
    assertEquals(label, "pid 0");
    assertEquals([author.pid, author.uid, author.startTime, author.command], [
      null,
      null,
      null,
      null,
    ]);
    assertEquals(authorText(author), "a process");
  }
});

Deno.test("socket process: a start time is found behind any name, and nothing in one is obeyed", () => {
  const fields = Array.from({ length: 19 }, (_, i) => `${i + 1}`).join(" ");
  for (const name of ["xl", "a) S 1 2", "((", ") ) ", "\n"]) {
    assertEquals(startTimeIn(`12 (${name}) S ${fields} 20\n`), 19, name);
  }
  assertEquals(startTimeIn("12 (x) S"), null);
  const process = {
    kind: "process",
    domid: 0,
    pid: 9,
    uid: 0,
    startTime: 1,
    command: "a\x1b[2J\n",
  } as const;
  assertEquals(authorText(process), "pid 9 (a\\u001b[2J\\u000a)");
  const domain = { kind: "domain", domid: 5, uniqueId: 7n, name: "\x9b1m\xff" } as const;
  assertMatch(authorText(domain), /^domain 5 \([\x20-\x7e]*\)$/);
});
