import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { reorderGlobals, runApp } from "../../cmd/app.ts";
import { Client } from "../../lib/client/client.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { until } from "../support/patience.ts";
import { fakeShell, type FakeShellOptions } from "../support/fake_shell.ts";

interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `xs` in this process. */
async function xs(args: readonly string[], options: FakeShellOptions = {}): Promise<Outcome> {
  const shell = fakeShell(args, options);
  const status = await runApp(shell);
  return { status, ...shell.printed };
}

interface Case {
  readonly args: readonly string[];
  readonly stdin?: string;
  readonly status?: number;
  readonly out?: string;
  /** All of stderr, without its final line break. */
  readonly err?: string;
}

/** Runs the cases in order on one new server. */
function testCases(name: string, cases: readonly Case[]): void {
  Deno.test(name, async () => {
    await using server = await EmbeddedServer.start();
    const env = { XENSTORED_PATH: server.socketPath };
    for (const { args, stdin, status, out, err } of cases) {
      const files = { "/etc/value": toBytes("from\xfffile") };
      const got = await xs(args, { env, files, stdin: toBytes(stdin ?? "") });
      const expected = { status: status ?? 0, out: out ?? "", err: err ? `${err}\n` : "" };
      assertEquals(got, expected, JSON.stringify(args));
    }
  });
}

testCases("read, write, list, exists, rm, mkdir, ls, chmod", [
  { args: ["write", "/a/b", "1", "/a/c", "\\x41\\n"] },
  { args: ["read", "/a/b"], out: "1\n" },
  { args: ["read", "-p", "/a/b", "/a/c"], out: "/a/b: 1\n/a/c: A\\n\n" },
  { args: ["read", "--raw", "/a/c"], out: "A\n" },
  { args: ["read", "-R", "-s", "/a/b"], out: "1" },
  { args: ["write", "--raw", "/a/c", "\\x41"] },
  { args: ["read", "/a/c"], out: "\\\\x41\n" },
  { args: ["write", "/a/d", "--from", "-"], stdin: "\0\xff\\n" },
  { args: ["read", "-R", "/a/d"], out: "\0\xff\\n" },
  { args: ["write", "--from", "/etc/value", "/a/d"] },
  { args: ["read", "-R", "/a/d"], out: "from\xfffile" },
  { args: ["write", "/a/e", "--", "-1"] },
  { args: ["read", "/a/e"], out: "-1\n" },
  { args: ["list", "/a"], out: "b\nc\nd\ne\n" },
  { args: ["list", "-p", "/a"], out: "/a/b\n/a/c\n/a/d\n/a/e\n" },
  { args: ["rm", "/a/d", "/a/e"] },
  { args: ["exists", "/a/b"] },
  { args: ["exists", "/a/b", "/a/d"], status: 1 },
  { args: ["mkdir", "/m/n", "/m/o"] },
  { args: ["chmod", "-r", "/m", "n0", "r5"] },
  {
    args: ["ls", "-fp", "/m"],
    out: '/m/n = ""   (n0,r5)\n/m/o = ""   (n0,r5)\n',
  },
  { args: ["rm", "-t", "/m/n"] },
  { args: ["rm", "-t", "/m/o"] },
  { args: ["exists", "/m"], status: 1 },
  { args: ["watch", "-n1", "/a"], out: "/a\n" },
  { args: ["watch", "-n", "2", "/a", "@releaseDomain"], out: "/a\n@releaseDomain\n" },
  { args: ["getpath", "5"], out: "/local/domain/5\n" },
  { args: ["introduced", "5"], status: 1 },
  { args: ["control", "print", "hello"], out: "OK\n" },
]);

testCases("with --json, one object a line", [
  { args: ["--json", "write", "/a", "x"], out: '{"path":"/a","written":true}\n' },
  { args: ["write", "--json", "/b", "\\xff\\x00"], out: '{"path":"/b","written":true}\n' },
  { args: ["write", "/c", "\xc3\xa9"] },
  {
    args: ["read", "/a", "/b", "/c", "--json"],
    out: '{"path":"/a","value":"x"}\n{"path":"/b","value":{"base64":"/wA="}}\n' +
      '{"path":"/c","value":"\xc3\xa9"}\n',
  },
  { args: ["--json", "list", "/tool"], out: '{"path":"/tool/xenstored","name":"xenstored"}\n' },
  {
    args: ["--json", "ls", "-p", "/tool"],
    out: '{"path":"/tool/xenstored","value":"","perms":["n0"]}\n',
  },
  { args: ["--json", "ls", "/tool"], out: '{"path":"/tool/xenstored","value":""}\n' },
  {
    args: ["exists", "--json", "/a", "/z"],
    status: 1,
    out: '{"path":"/a","exists":true}\n{"path":"/z","exists":false}\n',
  },
  { args: ["mkdir", "--json", "/m"], out: '{"path":"/m","created":true}\n' },
  { args: ["chmod", "--json", "/m", "r0"], out: '{"path":"/m","perms":["r0"]}\n' },
  { args: ["rm", "--json", "/m"], out: '{"path":"/m","removed":true}\n' },
  { args: ["watch", "--json", "-n", "1", "/a"], out: '{"path":"/a","watch":"/a"}\n' },
  { args: ["wait", "--json", "/a"], out: '{"expression":"/a","result":true}\n' },
  {
    args: ["wait", "--json", "--timeout", "0", "/z"],
    status: 1,
    out: '{"expression":"/z","result":false}\n',
  },
  { args: ["getpath", "--json", "5"], out: '{"domid":5,"path":"/local/domain/5"}\n' },
  { args: ["introduced", "--json", "5"], status: 1, out: '{"domid":5,"introduced":false}\n' },
  { args: ["control", "--json", "print", "x"], out: '{"command":"print","reply":"OK"}\n' },
  {
    args: ["tx", "--json"],
    stdin: "read /a\nlist /tool\nexists /z",
    out: '{"path":"/a","value":"x"}\n{"path":"/tool","names":["xenstored"]}\n' +
      '{"path":"/z","exists":false}\n',
  },
  {
    args: ["--json", "read", "/z"],
    status: 1,
    err: '{"code":"ENOENT","path":"/z","message":"read /z: no such node (ENOENT)"}',
  },
  {
    args: ["--json", "read"],
    status: 2,
    err: '{"code":"USAGE","path":null,"message":"read: PATH is missing (see: xs read --help)"}',
  },
]);

const PATH_RULE = "a path has only A-Z a-z 0-9 - / _ @, no doubled slash and none at its end";
const DURATIONS = "a duration such as 90s, 1m, 1h30m, 250ms, or a number of seconds";

testCases("a mistake is one line: the command, its object, what is wrong, what to do", [
  { args: ["write", "/here", "1"] },
  { args: ["read", "/z"], status: 1, err: "xs: read /z: no such node (ENOENT)" },
  { args: ["get", "/z"], status: 1, err: "xs: get /z: no such node (ENOENT)" },
  {
    args: ["read", "z/y"],
    status: 1,
    err: "xs: read z/y: no such node (looked for /local/domain/0/z/y; " +
      "an absolute path begins with /)",
  },
  {
    args: ["ls", "here"],
    status: 1,
    err: "xs: ls here: no such node (looked for /local/domain/0/here; did you mean /here?)",
  },
  { args: ["read", "/a.b"], status: 1, err: `xs: read /a.b: invalid path (${PATH_RULE})` },
  { args: ["list", "/a/"], status: 1, err: `xs: list /a/: invalid path (${PATH_RULE})` },
  { args: ["rm", "//a"], status: 1, err: `xs: rm //a: invalid path (${PATH_RULE})` },
  { args: ["exists", "/a b"], status: 1, err: `xs: exists /a b: invalid path (${PATH_RULE})` },
  { args: ["ls", "/z"], status: 1, err: "xs: ls /z: no such node (ENOENT)" },
  { args: ["tree", "/z"], status: 1, err: "xs: tree /z: no such node (ENOENT)" },
  { args: ["chmod", "/z", "n0"], status: 1, err: "xs: chmod /z: no such node (ENOENT)" },
  {
    args: ["chmod", "/z", "x0"],
    status: 2,
    err: "xs: chmod x0: invalid permission (n, r, w or b and a domid, such as r5)",
  },
  {
    args: ["chmod", "/z"],
    status: 2,
    err: "xs: chmod /z: permissions are missing (such as n0 r5, the owner's first)",
  },
  {
    args: ["write", "/a"],
    status: 2,
    err: "xs: write /a: VALUE is missing (each value follows its path; --from FILE reads one)",
  },
  {
    args: ["write", "--from", "-", "/a", "1"],
    status: 2,
    err: "xs: write --from -: one path and no value is needed (see: xs write --help)",
  },
  {
    args: ["write", "--from", "/gone", "/a"],
    status: 1,
    err: "xs: write --from /gone: no such file or directory (name another file)",
  },
  {
    args: ["control", "bogus"],
    status: 1,
    err: "xs: control bogus: unknown command, or wrong arguments " +
      "(`xs control help` lists the daemon's commands)",
  },
  { args: ["nope"], status: 2, err: "xs: nope: unknown command (`xs --help` lists the commands)" },
  { args: ["xx"], status: 2, err: "xs: xx: unknown command (`xs --help` lists the commands)" },
  { args: ["tp"], status: 2, err: "xs: tp: unknown command (did you mean 'top'?)" },
  { args: ["sttaus"], status: 2, err: "xs: sttaus: unknown command (did you mean 'status'?)" },
  {
    args: ["live-update", "-v"],
    status: 2,
    err: "xs: live-update -v: unknown option (see: xs live-update --help)",
  },
  {
    args: ["chmod", "/here", "n99"],
    status: 1,
    err: "xs: chmod /here n99: no such domain 99 " +
      "(ENOENT; the first permission names the owner, which must exist)",
  },
  { args: ["chmod", "/z", "n99"], status: 1, err: "xs: chmod /z: no such node (ENOENT)" },
  { args: ["raed", "/a"], status: 2, err: "xs: raed: unknown command (did you mean 'read'?)" },
  { args: ["remove"], status: 2, err: "xs: remove: unknown command (did you mean 'rm'?)" },
  { args: ["intro"], status: 2, err: "xs: intro: unknown command (did you mean 'introduced'?)" },
  {
    args: ["frobnicate"],
    status: 2,
    err: "xs: frobnicate: unknown command (`xs --help` lists the commands)",
  },
  {
    args: ["help", "frobnicate"],
    status: 2,
    err: "xs: frobnicate: unknown command (`xs --help` lists the commands)",
  },
  {
    args: ["read", "--bogus", "/a"],
    status: 2,
    err: "xs: read --bogus: unknown option (see: xs read --help)",
  },
  {
    args: ["read", "--prefx", "/a"],
    status: 2,
    err: "xs: read --prefx: unknown option (did you mean --prefix?)",
  },
  { args: ["read", "-x"], status: 2, err: "xs: read -x: unknown option (see: xs read --help)" },
  { args: ["read"], status: 2, err: "xs: read: PATH is missing (see: xs read --help)" },
  {
    args: ["getpath", "1", "2"],
    status: 2,
    err: "xs: getpath 2: too many arguments (see: xs getpath --help)",
  },
  {
    args: ["watch", "-n", "x", "/a"],
    status: 2,
    err: "xs: watch -n x: invalid number (a whole number from 0 up)",
  },
  {
    args: ["watch", "--number"],
    status: 2,
    err: "xs: watch --number: its value is missing (see: xs watch --help)",
  },
  {
    args: ["dump", "--format", "xml"],
    status: 2,
    err:
      "xs: dump --format xml: invalid value (it is one of stream, json, text, oxenstored-binary)",
  },
  {
    args: ["wait", "/a", "="],
    status: 2,
    err: "xs: wait /a =: a value is missing at column 5 " +
      "(see: xs wait --help)",
  },
  {
    args: ["--timeout", "soon", "read", "/z"],
    status: 2,
    err: `xs: read --timeout soon: invalid duration (${DURATIONS})`,
  },
  {
    args: ["tx"],
    stdin: "mkdir /a\nfrob",
    status: 2,
    err: "xs: tx line 2: unknown operation 'frob' " +
      "(it is one of read, list, exists, mkdir, rm, write, chmod, check)",
  },
  {
    args: ["getpath", "99999"],
    status: 2,
    err: "xs: getpath 99999: invalid domid (a number up to 65535)",
  },
  {
    args: ["completions", "tcsh"],
    status: 2,
    err: "xs: completions tcsh: unknown shell (it is one of bash, zsh, fish)",
  },
]);

Deno.test("wait and watch end when their time is over", async () => {
  await using server = await EmbeddedServer.start();
  const env = { XENSTORED_PATH: server.socketPath };
  const wait = await xs(["wait", "--timeout", "50ms", "/z"], { env });
  assertEquals(wait, {
    status: 1,
    out: "",
    err: "xs: wait /z: the condition did not hold within 50ms\n",
  });
  const watch = await xs(["watch", "--timeout", "0.05", "/z"], { env });
  assertEquals(watch, {
    status: 1,
    out: "/z\n",
    err: "xs: watch: the time limit of 50ms is over\n",
  });
});

testCases("ls prints which tree is which, and a leaf itself", [
  { args: ["write", "/a/b", "1", "/c/d/e", "2"] },
  { args: ["ls", "/a"], out: 'b = "1"\n' },
  { args: ["ls", "/a", "/c"], out: '/a:\nb = "1"\n\n/c:\nd = ""\n e = "2"\n' },
  { args: ["tree", "/a", "/a/b"], out: '/a:\nb = "1"\n\n/a/b:\n/a/b = "1"\n' },
  { args: ["ls", "/a/b"], out: '/a/b = "1"\n' },
  {
    args: ["ls", "-fp", "/a/b", "/c"],
    out: '/a/b = "1"   (n0)\n/c/d = ""   (n0)\n' +
      '/c/d/e = "2"   (n0)\n',
  },
  { args: ["ls", "--json", "/a/b"], out: '{"path":"/a/b","value":"1"}\n' },
]);

testCases("values are printed as what they mean, and nothing unseen", [
  { args: ["write", "/a", "gr\xc3\xbc\xc3\x9f \xe2\x80\xae\xc2\x9b\\x1b\\xff"] },
  { args: ["read", "/a"], out: "gr\xc3\xbc\xc3\x9f \\xe2\\x80\\xae\\xc2\\x9b\\x1b\\xff\n" },
  {
    args: ["ls", "-f"],
    out: '/tool = ""\n/tool/xenstored = ""\n' +
      '/a = "gr\xc3\xbc\xc3\x9f \\xe2\\x80\\xae\\xc2\\x9b\\x1b\\xff"\n',
  },
  {
    args: ["tx"],
    stdin: "read /a",
    out: "gr\xc3\xbc\xc3\x9f \\xe2\\x80\\xae\\xc2\\x9b\\x1b\\xff\n",
  },
]);

testCases("aliases, and permissions as ls -p prints them", [
  { args: ["set", "/a", "1"] },
  { args: ["get", "/a"], out: "1\n" },
  { args: ["cat", "-p", "/a"], out: "/a: 1\n" },
  { args: ["chmod", "/a", "(n0,r5)"] },
  { args: ["ls", "-fp", "/a"], out: '/a = "1"   (n0,r5)\n' },
  { args: ["chmod", "/a", "n0,r5", "b6"] },
  { args: ["ls", "-fp", "/a"], out: '/a = "1"   (n0,r5,b6)\n' },
  { args: ["--json", "chmod", "/a", "r0,w1"], out: '{"path":"/a","perms":["r0","w1"]}\n' },
  {
    args: ["chmod", "/a", "(n0,r5"],
    status: 2,
    err: "xs: chmod (n0,r5: invalid permission " +
      "(n, r, w or b and a domid, such as r5)",
  },
  { args: ["del", "/a"] },
  { args: ["exists", "/a"], status: 1 },
]);

testCases("control takes no word behind the daemon's command for its own", [
  { args: ["control", "print", "--json"], out: "OK\n" },
  { args: ["control", "print", "--help"], out: "OK\n" },
  { args: ["control", "log", "-io"], out: "OK\n" },
  {
    args: ["control", "log", "--", "+io"],
    status: 1,
    err: "xs: control log -- +io: unknown command, or " +
      "wrong arguments (`xs control help` lists the daemon's commands)",
  },
  { args: ["control", "log", "--", "-io"], out: "OK\n" },
  { args: ["control", "--", "log", "-io"], out: "OK\n" },
  {
    args: ["--json", "control", "--timeout", "1m", "print", "-t"],
    out: '{"command":"print","reply":"OK"}\n',
  },
  {
    args: ["control", "--bogus", "print"],
    status: 2,
    err: "xs: control --bogus: unknown option " +
      "(see: xs control --help)",
  },
  {
    args: ["control", "quota", "set", "5", "watches", "300"],
    status: 1,
    err: "xs: control quota set 5 watches 300: no such domain (ENOENT)",
  },
  {
    args: ["dump", "-o"],
    status: 2,
    err: "xs: dump -o: its value is missing (see: xs dump --help)",
  },
  {
    args: ["dump", "--output"],
    status: 2,
    err: "xs: dump --output: its value is missing (see: xs dump --help)",
  },
  { args: ["ls", "/none", "/"], status: 1, err: "xs: ls /none: no such node (ENOENT)" },
  {
    args: ["control", "quota", "77"],
    status: 1,
    err: "xs: control quota 77: no such domain (ENOENT)",
  },
  { args: ["control", "quota", "set", "0", "watches", "300"], out: "OK\n" },
  { args: ["control"], status: 2, err: "xs: control: COMMAND is missing (see: xs control --help)" },
  {
    args: ["control", "live-update", "-x", "/f"],
    status: 2,
    err: "xs: control live-update: " +
      "unknown option -x (see: xs control --help)",
  },
]);

Deno.test("help and version are commands, too", async () => {
  assertEquals(await xs(["help"]), await xs(["--help"]));
  assertEquals(await xs(["help", "help"]), await xs(["--help"]));
  assertEquals(await xs(["help", "read"]), await xs(["read", "--help"]));
  assertEquals(await xs(["help", "tree"]), await xs(["tree", "--help"]));
  assertEquals(await xs(["version"]), await xs(["--version"]));
});

testCases("tx does all or nothing", [
  {
    args: ["tx"],
    stdin: 'write /a "x y"\nread /a\nlist /\nexists /b',
    out: "x y\ntool\na\nfalse\n",
  },
  {
    args: ["tx"],
    stdin: "write /b 1\ncheck /a = other",
    status: 1,
    err: "xs: tx line 2: check /a = other: the condition does not hold",
  },
  {
    args: ["tx"],
    stdin: "write /b 1\nread /z",
    status: 1,
    err: "xs: tx line 2: read /z: no such node (ENOENT)",
  },
  { args: ["exists", "/b"], status: 1 },
  { args: ["tx"], stdin: "check /a = 'x y' and not /b\nwrite /b 1\nchmod /b r0\nrm /a\nmkdir /c" },
  {
    args: ["ls", "-fp"],
    out: /* spaces as ls prints them */ '/tool = ""   (n0)\n' +
      '/tool/xenstored = ""   (n0)\n/b = "1"   (r0)\n/c = ""   (n0)\n',
  },
  { args: ["tx"], stdin: "" },
]);

Deno.test("without a daemon: one line that says what to do", async () => {
  const { status, out, err } = await xs(["--socket", "/nonexistent/socket", "read", "/a"]);
  assertEquals([status, out], [1, ""]);
  assertMatch(
    err,
    /^xs: read: cannot connect to \/nonexistent\/socket: .*`xs serve`.*--socket.*\)\n$/,
  );
});

Deno.test("a mistake in the command line is told before the daemon is missed", async () => {
  const env = { XENSTORED_PATH: "/nonexistent/socket" };
  for (const args of [["write", "/a"], ["chmod", "/a", "x"], ["wait", "/a and"]]) {
    assertEquals((await xs(args, { env })).status, 2, args.join(" "));
  }
});

Deno.test("--socket and --json go behind the command's name", () => {
  const cases: [string[], string[]][] = [
    [[], []],
    [["read", "/a"], ["read", "/a"]],
    [["--json", "read", "/a"], ["read", "--json", "/a"]],
    [["--socket", "/s", "--json", "read"], ["read", "--socket", "/s", "--json"]],
    [["--socket=/s", "read"], ["read", "--socket=/s"]],
    [["--json"], []],
    [["--help"], ["--help"]],
    [["read", "--json"], ["read", "--json"]],
    [["--socket", "/s", "help", "ls"], ["help", "ls"]],
    [["--timeout=1", "version"], ["version"]],
  ];
  for (const [given, expected] of cases) assertEquals(reorderGlobals(given), expected);
});

Deno.test("--version prints the project's", async () => {
  const { version } = JSON.parse(
    await Deno.readTextFile(new URL("../../deno.json", import.meta.url)),
  );
  assertEquals(await xs(["--version"]), { status: 0, out: `${version}\n`, err: "" });
});

Deno.test("wait wakes up when the condition comes to hold, by whatever path", async () => {
  await using server = await EmbeddedServer.start();
  await using client = await Client.connect({ socket: server.socketPath });
  const env = { XENSTORED_PATH: server.socketPath };
  const changes: [expression: string, change: () => Promise<void>][] = [
    ["/a", () => client.write("/a", "")],
    ["/a = 4", () => client.write("/a", "4")],
    ["/a != 4 and exists /a", () => client.write("/a", "5")],
    ["/deep/er", () => client.write("/deep/er/still", "")],
    ["not /deep/er", () => client.rm("/deep")],
    ["/x or /y", () => client.write("/y", "")],
    ["/t/one = 1 and /t/two = 2", () =>
      client.transaction(async (tx) => {
        await tx.write("/t/one", "1");
        await tx.write("/t/two", "2");
      })],
  ];
  for (const [expression, change] of changes) {
    let done = false;
    const waiting = xs(["wait", "--timeout", "100", expression], { env })
      .finally(() => done = true);
    await untilWatched(env);
    await client.write("/unrelated", "");
    await new Promise((resolve) => setTimeout(resolve, 20));
    assertEquals(done, false, `${expression} holds too early`);
    await change();
    assertEquals(await waiting, { status: 0, out: "", err: "" }, expression);
  }
});

/** Waits until somebody in domain 0 watches something. */
async function untilWatched(env: Record<string, string>): Promise<void> {
  await until("a watch", async () => {
    const { out } = await xs(["control", "quota", "0"], { env });
    return /^watches +: +[1-9]/m.test(out);
  });
}

Deno.test("wait ends when the daemon does", async () => {
  const server = await EmbeddedServer.start();
  const env = { XENSTORED_PATH: server.socketPath };
  const waiting = xs(["wait", "/a"], { env });
  await untilWatched(env);
  await server.stop();
  const { status, err } = await waiting;
  assertEquals(status, 1);
  assertStringIncludes(err, "ECONNRESET");
});

Deno.test("what may come next is proposed", async () => {
  await using server = await EmbeddedServer.start();
  await using client = await Client.connect({ socket: server.socketPath });
  await client.write("/dir/one", "");
  await client.write("/dir/other", "");
  const propose = async (...words: string[]): Promise<string[]> => {
    const env = { XENSTORED_PATH: server.socketPath };
    const { out, status } = await xs(["__complete", ...words], { env });
    assertEquals(status, 0);
    return out.split("\n").slice(0, -1).map((line) => line.split("\t")[0]!);
  };
  assertEquals(await propose("wr"), ["write"]);
  assertEquals(await propose("--json", "wr"), ["write"]);
  assertEquals(await propose("completions", ""), ["bash", "zsh", "fish"]);
  assertEquals(await propose("ls", "--f"), ["--flat"]);
  assertEquals((await propose("read", "--")).includes("--socket-only"), false);
  assertEquals(await propose("read", "/di"), ["/dir"]);
  assertEquals(await propose("rm", "/dir/o"), ["/dir/one", "/dir/other"]);
  assertEquals(await propose("read", "/gone/"), []);
  assertEquals(await propose("--socket", "/nonexistent", "read", "/di"), []);
  assertEquals(await propose("read", "--socket", server.socketPath, "/di"), ["/dir"]);
});
