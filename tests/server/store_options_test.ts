/** Store options that can't be meant, and stores that can't be used: said once, and nothing changed. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import { RawClient } from "../support/raw_client.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import type { ServerProcess } from "../support/process.ts";
import { makeScratch } from "../support/scratch.ts";
import { Supervised } from "../support/supervised.ts";
import { within } from "../support/patience.ts";

interface Outcome {
  readonly code: number;
  /** What stderr said, a line each. */
  readonly lines: string[];
}

/** Root may do anything unless it has no capabilities: then rights count for it, too. */
const WITHOUT_RIGHTS: readonly string[] = Deno.uid() === 0
  ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
  : [];

/** Runs `xs serve` where it must end by itself. */
async function runServe(before: readonly string[], ...args: string[]): Promise<Outcome> {
  const [command, ...words] = [...before, ...xsCommand(), "serve", "--xen", "no", ...args];
  const child = new Deno.Command(command!, { args: words, stdout: "piped", stderr: "piped" });
  const running = child.spawn();
  // A daemon that serves would never end: its greeting is enough to know.
  const greeted = running.stdout.getReader().read().then(({ value }) => {
    if (value === undefined) return false;
    running.kill("SIGTERM");
    return true;
  });
  const text = await new Response(running.stderr).text();
  const { code } = await running.status;
  assertEquals(await greeted, false, `it serves with ${args}`);
  return { code, lines: text.trimEnd().split("\n") };
}

/** Each file with its bytes, each directory, and their rights. */
function everything(path: string): string[] {
  // The lock between daemons that start stays: nobody could remove it without a race. To the history's log a daemon that runs writes.
  const entries = [...Deno.readDirSync(path)]
    .filter(({ name }) => name !== ".socket.lock" && !name.endsWith(".history-wal"));
  return entries.sort((a, b) => a.name < b.name ? -1 : 1).flatMap(
    ({ name }) => {
      const at = `${path}/${name}`;
      const { isDirectory, isFile, mode } = Deno.lstatSync(at);
      const about = `${name} ${(mode ?? 0).toString(8)}`;
      if (isDirectory) return [about, ...everything(at).map((line) => `${name}/${line}`)];
      if (!isFile) return [about];
      const bytes = Deno.readFileSync(at);
      // Of bytes that differ nobody wants to see a million.
      let sum = 0;
      for (const byte of bytes) sum = (Math.imul(sum, 31) + byte) | 0;
      return [`${about} ${bytes.length} bytes, sum ${sum}`];
    },
  );
}

/** Fails unless the daemon is refused with one line, and has left all as it was. */
async function assertRefused(
  folder: string,
  args: readonly string[],
  line: RegExp,
  { before = [], code = 1 }: { before?: readonly string[]; code?: number } = {},
): Promise<void> {
  const was = everything(folder);
  const outcome = await runServe(before, "--socket", `${folder}/socket`, ...args);
  const said = outcome.lines.join("\n");
  assertMatch(said, line);
  assertEquals(outcome.lines.length, 1, said);
  assertEquals(outcome.code, code, said);
  assertEquals(everything(folder), was, said);
}

Deno.test("store options: words that there are not are wrong usage", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch;
  const usage = { code: 2 };
  await assertRefused(
    path,
    ["--persist", "always"],
    /^xs: serve --persist always: invalid value \(it is one of crash, none, disk\)/,
    usage,
  );
  await assertRefused(
    path,
    ["--on-damage", "ask"],
    /^xs: serve --on-damage ask: invalid value \(it is one of refuse, fresh\)/,
    usage,
  );
  await assertRefused(path, ["--store", ""], /^xs: serve --store: it is empty/, usage);
  await assertRefused(path, ["--store"], /store/, usage);
  const both = /^xs: serve --store: it contradicts --persist none/;
  const none = ["--store", `${path}/store`, "--persist", "none"];
  await assertRefused(path, none, both, usage);
  await assertRefused(path, [...none, "--supervise"], both, usage);
});

Deno.test("store options: places where no store file can be", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch;
  const store = (at: string): string[] => ["--store", at];
  Deno.writeTextFileSync(`${path}/file`, "text\n");
  Deno.mkdirSync(`${path}/folder`);
  Deno.mkdirSync(`${path}/closed`, { mode: 0o500 });
  Deno.symlinkSync("nowhere/at/all", `${path}/dangling`);
  new Deno.Command("mkfifo", { args: [`${path}/fifo`] }).outputSync();
  const other = new DatabaseSync(`${path}/other`);
  other.exec("CREATE TABLE t (x); INSERT INTO t VALUES (1)");
  other.close();
  const cases: [place: string, line: RegExp][] = [
    [
      "/proc/nowhere/store",
      /--store \/proc\/nowhere\/store: there is no directory \/proc\/nowhere \(make it/,
    ],
    [`${path}/file/store`, /--store \S+: there is no directory \S+\/file /],
    [`${path}/folder`, /\/folder is a directory \(.*--store\)/],
    [`${path}/fifo`, /\/fifo is not a regular file \(.*--store\)/],
    ["/dev/null", /\/dev\/null is not a regular file \(.*--store\)/],
    [`${path}/dangling`, /\/dangling cannot be made: .*--store/],
    [`${path}/file`, /\/file is not a store file \(.*--store\)/],
    ["/proc/version", /\/proc\/version is not a store file \(.*--store\)/],
    [`${path}/other`, /\/other is another program's database \(.*--store\)/],
  ];
  for (const [place, line] of cases) await assertRefused(path, store(place), line);
  const before = WITHOUT_RIGHTS;
  const [inside, below] = [`${path}/closed/store`, `${path}/closed/below/store`];
  await assertRefused(path, store(inside), /\/closed\/store cannot be made: .*--store/, {
    before,
  });
  await assertRefused(
    path,
    store(below),
    /--store \S+: there is no directory \S+below /,
    {
      before,
    },
  );
});

Deno.test("a slip in --socket or XENSTORED_PATH makes no directories", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch;
  const place = `${path}/no/such/socket`;
  const [command, ...words] = xsCommand();
  const serve = async (env: Record<string, string>, ...args: string[]): Promise<string> => {
    const child = new Deno.Command(command, { args: [...words, "serve", ...args], env });
    const { code, stderr } = await child.output();
    assertEquals(code, 1);
    return new TextDecoder().decode(stderr);
  };
  const why = `${place}: there is no directory ${path}/no/such (make it, or name another place)\n`;
  assertEquals(await serve({}, "--socket", place), `xs: serve --socket ${why}`);
  assertEquals(await serve({ XENSTORED_PATH: place }), `xs: serve XENSTORED_PATH ${why}`);
  const run = await serve({ XENSTORED_RUNDIR: `${path}/no/such` });
  assertMatch(
    run,
    /^xs: serve: cannot make the socket's directory \S+: no such file or directory \(give --socket PATH\)\n$/,
  );
  assertEquals([...Deno.readDirSync(path)], []);
});

Deno.test("store options: a name is a file's name, whatever SQLite makes of it", async () => {
  await using scratch = await makeScratch();
  const [command, ...words] = xsCommand();
  for (const name of [":memory:", "file:x?mode=memory", "x?y%41#z"]) {
    const child = new Deno.Command(command, {
      args: [...words, "serve", "--xen", "no", "--socket", "socket", "--store", name],
      cwd: scratch.path,
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const { value } = await child.stdout.getReader().read();
    const names = [...Deno.readDirSync(scratch.path)].map((entry) => entry.name)
      .filter((name) => name !== ".socket.lock").sort();
    child.kill("SIGTERM");
    await child.status;
    assert(value !== undefined);
    const all = ["", "-wal", ".tail", ".history", ".history-wal"].map((end) => name + end);
    assertEquals(names, [...all, "socket"].sort());
    for (const file of names) await Deno.remove(`${scratch.path}/${file}`).catch(() => {});
  }
});

/** How a daemon came to its end, whose store is to be damaged. */
type End = "killed" | "ended";

/** A daemon's store: `store`, and of one that was killed `store-wal` and `store.tail`, too. */
async function makeStore(folder: string, end: End): Promise<void> {
  const socket = `${folder}/socket`;
  const daemon = await startDaemon({ socket, args: ["--xen", "no", "--store", `${folder}/store`] });
  const client = await RawClient.connect(socket);
  for (let i = 0; i < 300; i++) {
    const payload = toBytes(`/n${i}\0${`${i} `.repeat(250)}`);
    await client.exchange({ type: T.WRITE, txId: 0, payload });
  }
  client.close();
  if (end === "ended") return void await daemon.stop();
  Deno.kill(daemon.pid, "SIGKILL");
  await daemon.status;
  Deno.removeSync(socket);
}

/** Changes a file's bytes in place. */
function damage(path: string, change: (bytes: Uint8Array) => Uint8Array): void {
  Deno.writeFileSync(path, change(Deno.readFileSync(path)));
}

const flipAt = (at: number) => (bytes: Uint8Array): Uint8Array => {
  bytes[at < 0 ? bytes.length + at : at]! ^= 0x10;
  return bytes;
};

const flipIn = (text: string) => (bytes: Uint8Array): Uint8Array => {
  const at = toText(bytes).indexOf(text);
  assert(at > 0, `${text} is not there`);
  return flipAt(at)(bytes);
};

/** Changes a record of a tail, which is in the half that its header names: see lib/journal/tail.ts. */
function flipRecord(bytes: Uint8Array): Uint8Array {
  const end = new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true);
  const middle = 64 + (bytes.length - 64 >>> 4) * 8, start = end < middle ? 64 : middle;
  assert(end > start, "the tail has no record");
  return flipAt(start + 30)(bytes);
}

const DAMAGES: [end: End, what: string, act: (store: string, other: string) => void][] = [
  ["ended", "cut short", (store) => Deno.truncateSync(store, 5000)],
  ["ended", "its first bytes", (store) => damage(store, flipAt(3))],
  ["ended", "a node", (store) => damage(store, flipIn("123 123 123"))],
  ["ended", "a tail of another", (store, other) => Deno.copyFileSync(other, `${store}.tail`)],
  ["killed", "its first bytes", (store) => damage(store, flipAt(3))],
  ["killed", "its log, a node", (store) => damage(`${store}-wal`, flipIn("123 123 123"))],
  ["killed", "its log, missing", (store) => Deno.removeSync(`${store}-wal`)],
  ["killed", "its log, cut", (store) => damage(`${store}-wal`, (it) => it.subarray(0, -9000))],
  ["killed", "its tail, missing", (store) => Deno.removeSync(`${store}.tail`)],
  ["killed", "its tail, a record", (store) => damage(`${store}.tail`, flipRecord)],
  ["killed", "its tail, cut short", (store) => Deno.truncateSync(`${store}.tail`, 100)],
  ["killed", "its tail, a text", (store) => Deno.writeTextFileSync(`${store}.tail`, "text\n")],
  ["killed", "a tail of another", (store, other) => Deno.copyFileSync(other, `${store}.tail`)],
];

function copyStore(from: string, to: string): string {
  Deno.mkdirSync(to);
  for (const { name } of Deno.readDirSync(from)) {
    Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
  return `${to}/store`;
}

Deno.test("store options: a damaged store is refused, or put aside where that is wanted", async () => {
  await using scratch = await makeScratch();
  for (
    const [name, end] of [["killed", "killed"], ["ended", "ended"], ["other", "killed"]] as const
  ) {
    Deno.mkdirSync(`${scratch.path}/${name}`);
    await makeStore(`${scratch.path}/${name}`, end);
  }
  for (const [i, [end, what, act]] of DAMAGES.entries()) {
    const folder = `${scratch.path}/${i}`;
    const store = copyStore(`${scratch.path}/${end}`, folder);
    act(store, `${scratch.path}/other/store.tail`);
    const damaged = everything(folder);
    const line =
      /^xs: serve: the store file \S+ is damaged \(.+\); nothing was changed\. With --on-damage fresh/;
    try {
      await assertRefused(folder, ["--store", store], line);
      await assertRefused(folder, ["--store", store, "--persist", "disk"], line);
    } catch (error) {
      throw new Error(`${end}: ${what}`, { cause: error });
    }
    const args = ["--xen", "no", "--store", store, "--on-damage", "fresh"];
    await using daemon = await startDaemon({ socket: `${folder}/socket`, args });
    assertMatch(daemon.output(), /xs: error: the store file .* is damaged .* EMPTY store/);
    const aside = everything(folder).filter((text) => text.startsWith("store.damaged-"))
      .map((text) => text.replace(/\.damaged-[0-9TZ]+/, ""));
    // The history goes on where it is.
    const moved = damaged.filter((text) => !text.startsWith("store.history"));
    assertEquals(aside, moved, `${end}: ${what}`);
  }
});

Deno.test("store options: a whole store that may not be read or written", async () => {
  await using scratch = await makeScratch();
  const [folder, store] = [`${scratch.path}/a`, `${scratch.path}/a/store`];
  Deno.mkdirSync(folder);
  await makeStore(folder, "ended");
  const before = WITHOUT_RIGHTS;
  Deno.chmodSync(folder, 0o500);
  const writable = /store cannot be opened: .* \(it and its directory must be writable for this/;
  await assertRefused(scratch.path, ["--store", store], writable, { before });
  Deno.chmodSync(folder, 0o700);
  Deno.chmodSync(store, 0);
  const unreadable = /store cannot be read: permission denied/;
  await assertRefused(scratch.path, ["--store", store], unreadable, { before });
});

Deno.test("store options: a store in use, and one of a newer xs, are left alone", async () => {
  await using scratch = await makeScratch();
  const folder = `${scratch.path}/a`;
  Deno.mkdirSync(folder);
  await makeStore(folder, "killed");
  {
    const socket = `${folder}/another`;
    // Of a history it would write on while the other is refused.
    await using _daemon = await startDaemon({
      socket,
      args: ["--xen", "no", "--store", `${folder}/store`, "--history", "off"],
    });
    const line = /store is in use by another daemon \(stop that one/;
    await assertRefused(folder, ["--store", `${folder}/store`], line);
    await assertRefused(folder, ["--store", `${folder}/store`, "--on-damage", "fresh"], line);
  }
  const database = new DatabaseSync(`${folder}/store`);
  database.exec("PRAGMA user_version = 7");
  database.close();
  const line = /store has layout 7, made by a newer xs \(this one reads up to 2\)/;
  await assertRefused(folder, ["--store", `${folder}/store`], line);
  await assertRefused(folder, ["--store", `${folder}/store`, "--on-damage", "fresh"], line);
});

Deno.test("store options: who is refused has not put the usual store aside", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch;
  await (await startDaemon({ socket: `${path}/socket`, args: ["--xen", "no"] })).stop();
  assert(Deno.statSync(`${path}/socket.store`).isFile);
  Deno.writeTextFileSync(`${path}/file`, "text\n");
  await assertRefused(path, ["--store", `${path}/file`], /is not a store file/);
  await assertRefused(
    path,
    ["--persist", "disk", "--store", `${path}/file`],
    /is not a store file/,
  );
});

Deno.test("store options: a supervisor does not try again what was refused", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch;
  Deno.writeTextFileSync(`${path}/file`, "text\n");
  const supervise = ["--supervise", "--restart-delay", "1ms"];
  await assertRefused(path, [...supervise, "--store", `${path}/file`], /is not a store file/);
  const usage = { code: 2 };
  await assertRefused(
    path,
    [...supervise, "--persist", "always"],
    /--persist always: invalid value/,
    usage,
  );
});

Deno.test("store options: nor does it when the daemon has served before", async () => {
  await using supervised = await Supervised.start(["--xen", "no", "--restart-delay", "1ms"]);
  const { server } = supervised;
  await supervised.kill();
  await supervised.whileDead(() => {
    damage(`${supervised.path}.store.tail`, () => toBytes("no tail"));
  });
  const { code } = await within(server.status, "end");
  const said = server.output();
  assertEquals([code, said.match(/is damaged/g)?.length], [1, 1], said);
  assertEquals(said.match(/started again/g)?.length, 2, said);
});

Deno.test("store options: --keep is told at the start, and carries over a boot what it names", async () => {
  await using scratch = await makeScratch();
  const store = `${scratch.path}/store`;
  const start = (...args: string[]): Promise<ServerProcess> =>
    startDaemon({ args: ["--xen", "no", "--persist", "disk", "--store", store, ...args] });
  const ask = async (daemon: ServerProcess, type: number, words: string): Promise<string> => {
    const client = await RawClient.connect(daemon.socketPath);
    const reply = await client.exchange({ type, txId: 0, payload: toBytes(words) });
    client.close();
    return reply.at(-1)!.text;
  };
  {
    await using first = await start();
    assertMatch(
      first.output(),
      /kept in \S+\/store, on disk, until this host boots\. Next/,
    );
    for (const path of ["/tool/mine/a", "/local/domain/1/name"]) {
      assertEquals(await ask(first, T.WRITE, `${path}\0x`), "OK\0");
    }
  }
  const database = new DatabaseSync(store);
  database.exec("UPDATE about SET value = 'another' WHERE name = 'boot_id'");
  database.close();
  await using second = await start("--keep", "/tool/mine", "--keep", "/none/*");
  const said = second.output();
  assertMatch(said, /this host boots, but for \/tool\/mine, \/none\/\*\. Next/);
  assertMatch(
    said,
    /info: the store file \S+: after a boot of the host it keeps \/tool\/mine, \/none\/\*\n/,
  );
  assertMatch(said, /it is now \S+\/store\.old, except 2 kept nodes, /);
  assertEquals(await ask(second, T.READ, "/tool/mine/a\0"), "x");
  assertEquals(await ask(second, T.READ, "/local/domain/1/name\0"), "ENOENT\0");
});

Deno.test("store options: --keep takes paths, and not with a store that is in memory only", async () => {
  await using scratch = await makeScratch();
  const { path } = scratch;
  for (const glob of ["", "tool", "/tool/", "//", "/a b", "/(x", "/a\\d"]) {
    const line = /^xs: serve .*--keep.*: invalid path \(begin with \//;
    await assertRefused(path, ["--keep", glob], line, { code: 2 });
  }
  const line = /^xs: serve --keep: it contradicts --persist none/;
  await assertRefused(path, ["--persist", "none", "--keep", "/a"], line, { code: 2 });
});
