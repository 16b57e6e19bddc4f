/** `xs log --format git-fast-import`, piped into real git. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { gitMissing, GitRepository } from "../support/git.ts";
import { startRecorded } from "../support/recorded_daemon.ts";
import { xs } from "../support/run_xs.ts";
import { testUnless } from "../support/skip.ts";

const FORMAT = ["log", "--format", "git-fast-import"];

testUnless(
  gitMissing,
  "log --format: what clients did is in git, with who it was and when",
  async () => {
    await using server = await startRecorded();
    const socket = server.socketPath, began = Math.floor(Date.now() / 1_000);
    await using client = await Client.connect({ socket });
    await client.write("/a/b", "1");
    await client.write("/a/b", new Uint8Array([0, 255, 10]));
    await client.setPerms("/a", [{ domid: 0, access: "b" }]);
    await client.rm("/a");
    await client.write("/a/b", "again");
    await client.write("/local/domain/1/data/set_clipboard", "secret");
    const { err, out, status } = await xs(socket, FORMAT);
    assertEquals([status, err], [0, ""]);
    await using repository = await GitRepository.of(toBytes(out));
    const commits = (await repository.commits()).slice(-6);
    assertEquals(commits.map(({ subject }) => subject.replace(/^#\d+ /, "")), [
      'write /a/b = "1" (n0), with 1 node above',
      'write /a/b "1" -> "\\u0000\\xff\\u000a"',
      "set-perms /a (n0) -> (b0)",
      "rm /a removed, with 1 node below",
      'write /a/b = "again" (n0), with 1 node above',
      "write /local/domain/1/data/set_clipboard = <6 bytes hidden> (n0), with 4 nodes above",
    ]);
    for (const { author, email, time } of commits) {
      assertMatch(author, new RegExp(`^\\S+ \\(pid ${Deno.pid}\\)$`));
      assertEquals([email, time >= began], [`pid-${Deno.pid}@xenstore`, true]);
    }
    const values = commits.map(async ({ hash }) => (await repository.files(hash)).get("a/b.value"));
    assertEquals(await Promise.all(values), [
      "1",
      "\0\xff\n",
      "\0\xff\n",
      undefined,
      "again",
      "again",
    ]);
    assertEquals(out.includes("secret"), false);
    const last = await repository.git(["log", "--format=%s", "--", "a/b.value"]);
    assertEquals(last.trim().split("\n").length, 4);
    // It takes nothing that was cut; what begins as before goes on, and all else is refused.
    const stream = toBytes(out);
    await assertRejects(() => GitRepository.of(stream.subarray(0, stream.length - 6)));
    await client.write("/more", "1");
    const later = toBytes((await xs(socket, [...FORMAT, "--since", "4"])).out);
    await assertRejects(() => repository.git(["fast-import", "--quiet"], later), Error, "HEAD");
    const more = toBytes((await xs(socket, FORMAT)).out);
    await repository.git(["fast-import", "--quiet"], more);
    assertMatch((await repository.commits()).at(-1)!.subject, /write \/more = "1"/);
  },
);

Deno.test("log --format: what it cannot do is one line", async () => {
  await using server = await startRecorded();
  const socket = server.socketPath, env = { XENSTORED_PATH: socket };
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [
      ["--domain", "1"],
      2,
      /^xs: log --domain: it contradicts --format \(leave one of them out\)\n$/,
    ],
    [["--process", "xl"], 2, /^xs: log --process: it contradicts --format/],
    [["--op", "write"], 2, /^xs: log --op: it contradicts --format/],
    [["-S", "x"], 2, /^xs: log -S: it contradicts --format/],
    [["--aborted"], 2, /^xs: log --aborted: it contradicts --format/],
    [["-n", "5"], 2, /^xs: log -n: it contradicts --format/],
    [["--reverse"], 2, /^xs: log --reverse: it contradicts --format/],
    [["--follow"], 2, /^xs: log --follow: it contradicts --format/],
    [["--oneline"], 2, /^xs: log --oneline: it contradicts --format/],
    [["--since", "2999-01-01"], 2, /^xs: log --since: '2999-01-01' is in the future/],
    [["--until", "#99999"], 1, /^xs: log: there is no #99999 yet/],
    [["--store", "/none/store"], 1, /^xs: log \/none\/store.history: there is no history\n$/],
  ];
  for (const [args, status, text] of cases) {
    const got = await xs(socket, [...FORMAT, ...args]);
    assertEquals(got.status, status, args.join(" "));
    assertMatch(got.err, text);
    assertEquals(got.out, "");
  }
  const onTerminal = await xs(socket, FORMAT, { env, terminals: ["stdout"] });
  assertEquals([onTerminal.status, onTerminal.out], [2, ""]);
  assertMatch(
    onTerminal.err,
    /a terminal cannot show bytes \(pipe it to git fast-import in a repo/,
  );
  assertEquals((await xs(socket, ["log", "--format", "xml"])).status, 2);
});
