/** Who may connect: --socket-group, --socket-mode and --socket-ro, over deaths and live updates. */
import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { READERS_MAX } from "../../lib/limits.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { update } from "../support/operator.ts";
import { until } from "../support/patience.ts";
import { RawClient } from "../support/raw_client.ts";
import { makeScratch } from "../support/scratch.ts";
import { Supervised } from "../support/supervised.ts";

/** Another group than the file would have, where the test may choose one. */
const GROUP = Deno.uid() === 0 ? 4_242 : Deno.gid()!;

function rightsOf(path: string): readonly [string, number | null] {
  const { gid, mode } = Deno.statSync(path);
  return [((mode ?? 0) & 0o777).toString(8), gid];
}

Deno.test("the socket is for the group and with the permissions that are named, again after a start", async () => {
  await using scratch = await makeScratch();
  const socket = `${scratch.path}/socket`;
  const cases: [string[], string, number][] = [
    [["--socket-group", `${GROUP}`], "660", GROUP],
    [["--socket-group", `${GROUP}`, "--socket-mode", "640"], "640", GROUP],
    [["--socket-mode", "0666"], "666", Deno.gid()!],
    [[], "600", Deno.gid()!],
  ];
  for (const [args, mode, group] of cases) {
    const daemon = await startDaemon({ socket, args });
    assertEquals(rightsOf(socket), [mode, group], args.join(" "));
    Deno.kill(daemon.pid, "SIGKILL");
    await daemon.stop();
    await using again = await startDaemon({ socket, args });
    assertEquals(rightsOf(socket), [mode, group], `again ${args.join(" ")}`);
    void again;
  }
});

Deno.test("a group that there is not ends the start, and leaves no socket", async () => {
  await using scratch = await makeScratch();
  const socket = `${scratch.path}/socket`;
  for (const option of ["--socket-group", "--socket-ro"]) {
    const error = await assertRejects(() =>
      startDaemon({ socket, args: [option, "no-such-group"] })
    );
    const line =
      `xs: serve ${option} no-such-group: no such group (create it with groupadd, or name another)`;
    assertStringIncludes(`${error}`, line);
    const left = [...Deno.readDirSync(scratch.path)].filter(({ isSymlink, name }) =>
      isSymlink || /socket(_ro)?$/.test(name)
    );
    assertEquals(left, []);
  }
});

/** What a client that may only look is refused. */
const REFUSED: readonly (readonly [type: number, payload: string])[] = [
  [T.WRITE, "/a\0changed"],
  [T.MKDIR, "/new\0"],
  [T.RM, "/a\0"],
  [T.SET_PERMS, "/a\0n0\0"],
  [T.INTRODUCE, "3\x001\x005\0"],
  [T.RELEASE, "3\0"],
  [T.RESUME, "3\0"],
  [T.SET_TARGET, "1\x002\0"],
  [T.SET_QUOTA, "nodes\x005\0"],
  ...[
    "logfile\0/tmp/x\0",
    "log\0+io\0",
    "memreport\0/tmp/x\0",
    "print\0x\0",
    "check\0",
    "dump\0all\0",
  ]
    .map((words) => [T.CONTROL, words] as const),
  ...["live-update\0-a\0", "restore\x0010\0", "archive\x001\0cancel\0", "quota\0set\0nodes\x005\0"]
    .map((words) => [T.CONTROL, words] as const),
];

Deno.test("at the second socket clients see all and change nothing", async () => {
  await using daemon = await startDaemon({ args: ["--socket-ro", `${GROUP}`] });
  const path = `${daemon.socketPath}_ro`;
  assertEquals(rightsOf(path), ["660", GROUP]);
  assertEquals(rightsOf(daemon.socketPath), ["600", Deno.gid()!]);
  await using writer = await RawClient.connect(daemon.socketPath);
  assertEquals(await writer.ask(T.WRITE, "/a\x001"), "OK\0");
  await using reader = await RawClient.connect(path);
  assertEquals(await reader.ask(T.READ, "/a\0"), "1");
  assertEquals(await reader.ask(T.WATCH, "/a\0token\0"), "OK\0");
  await reader.next();
  for (const [type, payload] of REFUSED) {
    assertEquals(await reader.ask(type, payload), "EROFS\0", `${type} ${payload}`);
  }
  assertMatch(await reader.ask(T.CONTROL, "status\0"), /^\{"version"/);
  assertMatch(await reader.ask(T.CONTROL, "quota\0"), /nodes/);
  assertEquals(await writer.ask(T.WRITE, "/a\x002"), "OK\0");
  assertEquals((await reader.next())?.text, "/a\0token\0");
  assertEquals(await reader.ask(T.READ, "/a\0"), "2");
});

Deno.test("a client that may only look is disconnected by a live update, and the next one may no more", async () => {
  await using daemon = await startDaemon({ args: ["--socket-ro", `${GROUP}`] });
  const path = `${daemon.socketPath}_ro`;
  await using writer = await RawClient.connect(daemon.socketPath);
  await using reader = await RawClient.connect(path);
  assertEquals(await reader.ask(T.WRITE, "/a\x001"), "EROFS\0");
  const [file, ...words] = xsCommand();
  const args = ["serve", "--socket", daemon.socketPath, "--socket-ro", `${GROUP}`];
  const commandLine = [...words, ...args].join(" ");
  assertEquals(await update(writer, { file, commandLine }), "OK", daemon.output());
  assertEquals(await reader.next(), null);
  assertEquals(await writer.ask(T.WRITE, "/a\x001"), "OK\0");
  await using next = await RawClient.connect(path);
  assertEquals(rightsOf(path), ["660", GROUP]);
  assertEquals(await next.ask(T.READ, "/a\0"), "1");
  assertEquals(await next.ask(T.WRITE, "/a\x002"), "EROFS\0");
});

Deno.test("a client that may only look is not held over a death, others are", async () => {
  await using daemon = await Supervised.start(["--socket-ro", `${GROUP}`]);
  const path = `${daemon.path}_ro`;
  await using writer = await RawClient.connect(daemon.path);
  assertEquals(await writer.ask(T.WRITE, "/a\x001"), "OK\0");
  await using reader = await RawClient.connect(path);
  assertEquals(await reader.ask(T.READ, "/a\0"), "1");
  await daemon.kill();
  assertEquals(await reader.next(), null);
  assertEquals(await writer.ask(T.WRITE, "/a\x002"), "OK\0");
  await using next = await RawClient.connect(path);
  assertEquals(await next.ask(T.WRITE, "/a\x003"), "EROFS\0");
});

Deno.test("at the second socket so many clients are let in, and another once one has gone", async () => {
  await using daemon = await startDaemon({ args: ["--socket-ro", `${GROUP}`] });
  const path = `${daemon.socketPath}_ro`;
  const readers: RawClient[] = [];
  for (let i = 0; i < READERS_MAX; i++) readers.push(await RawClient.connect(path));
  for (const reader of readers) {
    assertEquals(await reader.ask(T.GET_DOMAIN_PATH, "0\0"), "/local/domain/0\0");
  }
  {
    await using late = await RawClient.connect(path);
    await assertRejects(() => late.ask(T.GET_DOMAIN_PATH, "0\0"));
  }
  await using root = await RawClient.connect(daemon.socketPath);
  assertEquals(await root.ask(T.WRITE, "/a\x001"), "OK\0");
  readers.pop()!.close();
  await until("a place to be free", async () => {
    await using next = await RawClient.connect(path);
    return await next.ask(T.GET_DOMAIN_PATH, "0\0").then(() => true, () => false);
  });
  for (const reader of readers) reader.close();
});
