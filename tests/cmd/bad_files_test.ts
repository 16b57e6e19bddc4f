/** Files that cannot be used, a full disk under the output: one line that names the option or the file. */
import { reportFailure, reportUncaught } from "../../cmd/report.ts";
import { XenstoreError } from "../../lib/client/error.ts";
import { fakeShell } from "../support/fake_shell.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { makeScratch } from "../support/scratch.ts";
import { fillUp, smallDisk } from "../support/small_disk.ts";

/** What must never come out. */
const RUNTIME = /os error|Uncaught|\bat .*:\d+:\d+|\.ts\b|internal error/;

interface Outcome {
  readonly code: number;
  readonly err: string;
}

async function run(
  words: readonly string[],
  { redirect = "", socket = "" }: { redirect?: string; socket?: string } = {},
): Promise<Outcome> {
  const child = new Deno.Command("/bin/bash", {
    args: ["-c", `exec "$@" ${redirect}`, "bash", ...xsCommand(), ...words],
    ...(socket === "" ? {} : { env: { XENSTORED_PATH: socket } }),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  });
  const { code, stderr } = await child.output();
  return { code, err: new TextDecoder().decode(stderr) };
}

function assertLine({ code, err }: Outcome, line: RegExp, words: readonly string[]): void {
  const about = `${words.join(" ")}: ${code} ${err}`;
  assert(code === 1 || code === 2, about);
  assertEquals(RUNTIME.exec(err), null, about);
  assertMatch(err, /^xs: [^\n]+\n$/, about);
  assertMatch(err, line, about);
  // What to do, or the error's name.
  assertMatch(err, /\)\n$/, about);
}

Deno.test("every option of serve that names a file says which one it was", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch;
  const none = `${path}/none/x`;
  const base = ["serve", "--xen", "no"];
  const here = ["--socket", `${path}/socket`];
  const cases: [words: string[], line: RegExp][] = [
    [[...here, "--log-file", none], /^xs: serve --log-file \S+none\/x: no such file or directory/],
    [[...here, "--trace-file", none], /^xs: serve --trace-file \S+none\/x: no such file/],
    [[...here, "--pid-file", none], /^xs: serve --pid-file \S+none\/x: no such file/],
    [[...here, "--log-file", path], /^xs: serve --log-file \S+: it is a directory/],
    [[...here, "--trace-file", path], /^xs: serve --trace-file \S+: it is a directory/],
    [[...here, "--pid-file", path], /^xs: serve --pid-file \S+: it is a directory/],
    [["--socket", none], /^xs: serve --socket \S+none\/x: there is no directory/],
    [["--socket", path], /^xs: serve: cannot listen on '\S+'/],
    [[...here, "--store", none], /^xs: serve: --store \S+none\/x: there is no directory/],
    [[...here, "--store", path], /^xs: serve: \S+ is a directory/],
    [[...here, "--live-update-check", none], /^xs: serve: .*none\/x/],
    [[...here, "--trace-control", "loud"], /^xs: serve --trace-control loud: unknown trace switch/],
    [[...here, "--restarts", "3"], /^xs: serve --restarts: it needs --supervise/],
    [[...here, "--restart-delay", "5ms"], /^xs: serve --restart-delay: it needs --supervise/],
    [
      [...here, "--supervise", "--restart-delay", "50"],
      /^xs: serve --restart-delay 50: it is too long \(at most 10s; 50ms is milliseconds\)/,
    ],
    [
      [...here, "--supervise", "--log-file", none],
      /^xs: serve --log-file \S+none\/x: no such file/,
    ],
    [
      [...here, "--supervise", "--pid-file", none],
      /^xs: serve --pid-file \S+none\/x: no such file/,
    ],
    [[...here, "--event-timeout", "soon"], /^xs: serve --event-timeout soon: invalid duration/],
  ];
  for (const [words, line] of cases) assertLine(await run([...base, ...words]), line, words);
});

Deno.test("every file that a client command reads or writes is named when it cannot be", async () => {
  await using scratch = await makeScratch();
  await using daemon = await startDaemon();
  const { path } = scratch;
  const socket = daemon.socketPath;
  const none = `${path}/none/x`;
  const live = ["--into", "live"];
  const cases: [words: string[], line: RegExp, redirect?: string][] = [
    [
      ["write", "--from", none, "/a"],
      /^xs: write --from \S+none\/x: no such file or directory \(name another file\)$/m,
    ],
    [["write", "--from", path, "/a"], /^xs: write --from \S+: it is a directory \(name a file\)$/m],
    [
      ["write", "--from", "-", "/a"],
      /^xs: write: cannot read standard input: it is a dir/,
      "</tmp",
    ],
    [["tx"], /^xs: tx: cannot read standard input: it is a directory/, "</tmp"],
    [["dump", "-o", none], /^xs: dump \S+none\/x: cannot write it: no such file/],
    [["dump", "-o", path], /^xs: dump \S+: it is a directory/],
    [["dump", "-o", "/dev/full"], /^xs: dump \/dev\/full: cannot write it: no space left/],
    [["dump", none], /^xs: dump \S+none\/x: no such file or directory/],
    [["dump", path], /^xs: dump \S+: it is a directory/],
    [["restore", none, ...live], /^xs: restore \S+none\/x: no such file or directory/],
    [["restore", path, ...live], /^xs: restore \S+: it is a directory/],
    [["restore", "-", ...live], /^xs: restore: cannot read standard input: it is a dir/, "</tmp"],
    [["restore", "live", "--into", none], /^xs: restore \S+none\/x: there is no directory /],
    [["restore", "live", "--into", path], /^xs: restore \S+: it exists already/],
    [["diff", none, "live"], /^xs: diff \S+none\/x: no such file or directory/],
    [["diff", "live", path], /^xs: diff \S+: it is a directory/],
    [["--socket", none, "ls"], /^xs: ls: cannot connect to \S+none\/x: there is no such socket/],
    [["--socket", path, "ls"], /^xs: ls: cannot connect to \S+: it is not a socket/],
    [["--socket", "/" + "x".repeat(200), "ls"], /^xs: ls: cannot connect to \/x+: /],
  ];
  for (const [words, line, redirect] of cases) {
    assertLine(await run(words, { socket, ...(redirect ? { redirect } : {}) }), line, words);
  }
});

Deno.test("an output that cannot be written is told, whatever the command", async () => {
  await using daemon = await startDaemon();
  const socket = daemon.socketPath;
  const commands = [
    ["read", "/tool/xenstored"],
    ["ls"],
    ["ls", "--json"],
    ["list", "/tool"],
    ["watch", "-n", "1", "/tool"],
    ["wait", "--json", "/tool"],
    ["control", "help"],
    ["dump"],
    ["dump", "--format", "text"],
    ["getpath", "1"],
    ["status"],
    ["completions", "bash"],
    ["help"],
    ["version"],
  ];
  for (const words of commands) {
    const outcome = await run(words, { socket, redirect: ">/dev/full" });
    assertEquals(outcome.code, 1, words.join(" "));
    assertLine(
      outcome,
      /^xs: cannot write the output: no space left on the file system \(make room, or name a file elsewhere\)$/m,
      words,
    );
  }
  const both = await run(["ls"], { socket, redirect: ">/dev/full 2>/dev/full" });
  assertEquals(both.code, 1);
});

Deno.test("on a full disk dump and restore say so in one line, and leave nothing", async () => {
  await using scratch = await makeScratch();
  await using disk = await smallDisk(scratch.path);
  if (disk === null) return console.log("no right to mount a small file system: nothing is tested");
  await using daemon = await startDaemon();
  fillUp(`${scratch.path}/full`);
  const file = `${scratch.path}/file`;
  const cases: [words: string[], line: RegExp][] = [
    [
      ["dump", "-o", file],
      /^xs: dump \S+file: cannot write it: no space left on the file system \(make room, or name a file elsewhere\)$/m,
    ],
    [["dump", "--format", "json", "-o", file], /^xs: dump \S+file: cannot write it: no space left/],
    [["restore", "live", "--into", file], /^xs: restore \S+file: cannot write /],
  ];
  for (const [words, line] of cases) {
    assertLine(await run(words, { socket: daemon.socketPath }), line, words);
    assertEquals([...Deno.readDirSync(scratch.path)].map(({ name }) => name), ["full"]);
  }
});

Deno.test("a daemon killed under a drop-in that runs: one line of the program's own", async () => {
  await using daemon = await startDaemon();
  const words = ["xenstore-watch", "/tool"];
  const child = new Deno.Command("/bin/bash", {
    args: ["-c", `exec -a ${words[0]} "$@"`, "bash", ...xsCommand(), words[1]!],
    env: { XENSTORED_PATH: daemon.socketPath },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  assertEquals(new TextDecoder().decode((await reader.read()).value), "/tool\n");
  Deno.kill(daemon.pid, "SIGKILL");
  const err = await new Response(child.stderr).text();
  await reader.cancel();
  assertEquals((await child.status).code, 1);
  assertEquals(err, "xenstore-watch: the daemon closed the connection\n");
});

Deno.test("ENOSPC names all its causes, and where to look", () => {
  const shell = fakeShell([]);
  const error = new XenstoreError("ENOSPC", "write", "/a");
  assertEquals(reportFailure(shell.stderr, error, { command: "set", json: false }), 1);
  assertEquals(
    shell.printed.err,
    "xs: set /a: a quota is reached, or the daemon's disk or memory is full " +
      "(`xs quota DOMID` shows the quotas, the daemon's log which it was)\n",
  );
});

Deno.test("whatever was thrown, the last resort says one line, and no stack", () => {
  const thrown: [error: unknown, line: string][] = [
    [
      new TypeError("x is not a function"),
      "xs: read: internal error: x is not a function (a defect of xs: please report it)\n",
    ],
    ["text", "xs: read: internal error: text (a defect of xs: please report it)\n"],
    [undefined, "xs: read: internal error: undefined (a defect of xs: please report it)\n"],
    [
      Object.assign(new Error("No space left on device (os error 28): writefile '/x'"), {
        code: "ENOSPC",
      }),
      "xs: read: no space left on the file system\n",
    ],
    [
      new Error("one\ntwo"),
      "xs: read: internal error: one; two (a defect of xs: please report it)\n",
    ],
  ];
  for (const [error, line] of thrown) {
    const shell = fakeShell(["--socket=/s", "read", "/a"]);
    assertEquals(reportUncaught(shell, error), 1);
    assertEquals(shell.printed.err, line);
    const tool = fakeShell(["/a"], { program: "/usr/bin/xenstore-read" });
    assertEquals(reportUncaught(tool, error), 1);
    assertEquals(tool.printed.err.split("\n").length, 2);
    assertMatch(tool.printed.err, /^xenstore-read: /);
  }
  const daemon = fakeShell(["serve"]);
  assertEquals(reportUncaught(daemon, new TypeError("x is no function")), 1);
  assertMatch(
    daemon.printed.err,
    /^xs: error: TypeError: x is no function; at [^\n]+\nxs: serve: internal error: [^\n]+\n$/,
  );
});
