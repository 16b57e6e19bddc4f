/** What `xs dump -o FILE` writes, and what it leaves where it can't. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { Interrupt, InterruptedError } from "../../lib/archive/interrupt.ts";
import { fillWith, writeFile } from "../../lib/archive/file.ts";
import { Client } from "../../lib/client/client.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { fakeShell } from "../support/fake_shell.ts";
import { makeScratch } from "../support/scratch.ts";
import { fillUp, smallDisk } from "../support/small_disk.ts";

async function xs(socket: string, ...args: string[]): Promise<readonly [number, string]> {
  const shell = fakeShell(args, { env: { XENSTORED_PATH: socket } });
  const status = await runApp(shell);
  return [status, shell.printed.err];
}

function modeOf(path: string): number {
  return Deno.lstatSync(path).mode! & 0o777;
}

function namesIn(path: string): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
}

Deno.test("dump -o: an existing file is replaced whole, and that is said", async () => {
  await using server = await EmbeddedServer.start();
  await using scratch = await makeScratch();
  const file = `${scratch.path}/dump`, socket = server.socketPath;
  assertEquals(await xs(socket, "dump", "-o", file), [0, ""]);
  assertEquals(modeOf(file), 0o600);
  for (const [before, after] of [[0o600, 0o600], [0o640, 0o640], [0o644, 0o640], [0o400, 0o400]]) {
    Deno.writeTextFileSync(file, "another");
    Deno.chmodSync(file, before!);
    assertEquals(await xs(socket, "dump", "-o", file), [0, `xs: ${file}: replaced\n`]);
    assertEquals(modeOf(file), after);
    assert(Deno.readFileSync(file).length > 100);
    Deno.chmodSync(file, 0o600);
  }
  assertEquals(namesIn(scratch.path), ["dump"]);
});

Deno.test("dump -o: a link's file is replaced, not the link; others' links are not followed", async () => {
  await using server = await EmbeddedServer.start();
  await using scratch = await makeScratch();
  const { path } = scratch, socket = server.socketPath;
  Deno.mkdirSync(`${path}/elsewhere`);
  Deno.writeTextFileSync(`${path}/elsewhere/file`, "old");
  Deno.symlinkSync(`${path}/elsewhere/file`, `${path}/link`);
  Deno.symlinkSync(`${path}/nothing`, `${path}/dangling`);
  Deno.symlinkSync(`${path}/elsewhere`, `${path}/folder`);
  assertEquals(await xs(socket, "dump", "-o", `${path}/link`), [0, `xs: ${path}/link: replaced\n`]);
  assert(Deno.lstatSync(`${path}/link`).isSymlink);
  assert(Deno.readFileSync(`${path}/elsewhere/file`).length > 100);
  const refused = [["dangling", "it is a link to nothing (remove it, or name the file itself)"], [
    "folder",
    "it is a directory (name a file)",
  ]];
  if (Deno.uid() === 0) {
    Deno.symlinkSync(`${path}/elsewhere/file`, `${path}/theirs`);
    await new Deno.Command("chown", { args: ["-h", "65534", `${path}/theirs`] }).output();
    refused.push(["theirs", "it is a link of another user (name the file itself)"]);
  }
  const before = Deno.readFileSync(`${path}/elsewhere/file`);
  for (const [name, why] of refused) {
    const file = `${path}/${name}`;
    assertEquals(await xs(socket, "dump", "-o", file), [1, `xs: dump ${file}: ${why}\n`]);
  }
  assertEquals(Deno.readFileSync(`${path}/elsewhere/file`), before);
  assertEquals(namesIn(`${path}/elsewhere`), ["file"]);
});

Deno.test("dump -o: names of standard output are that, and no file is put in their place", async () => {
  await using server = await EmbeddedServer.start();
  for (const name of ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]) {
    const shell = fakeShell(["dump", "-o", name], { env: { XENSTORED_PATH: server.socketPath } });
    assertEquals(await runApp(shell), 0);
    assertEquals(shell.printed.out.slice(0, 8), "xenstore");
  }
  assertEquals(await xs(server.socketPath, "dump", "-o", "/dev/null"), [0, ""]);
  assert(Deno.lstatSync("/dev/null").isCharDevice);
});

Deno.test("dump -o: interrupted between two pieces, nothing is left, nothing is replaced", async () => {
  await using scratch = await makeScratch();
  const file = `${scratch.path}/dump`;
  for (const before of [null, "old"]) {
    if (before !== null) Deno.writeTextFileSync(file, before);
    const interrupt = new Interrupt();
    const pieces = function* (): Generator<Uint8Array> {
      yield new Uint8Array(10);
      interrupt.request();
      yield new Uint8Array(10);
    };
    const error = await writeFile(file, fillWith(pieces(), file, interrupt), interrupt).catch((
      error,
    ) => error);
    assert(error instanceof InterruptedError);
    assertEquals(namesIn(scratch.path), before === null ? [] : ["dump"]);
  }
  assertEquals(Deno.readTextFileSync(file), "old");
});

Deno.test("dump and restore need no room where the socket is; a full disk for FILE is told in a line", async () => {
  await using scratch = await makeScratch();
  await using other = await makeScratch();
  await using disk = await smallDisk(scratch.path);
  if (disk === null) return console.log("no right to mount a small file system: nothing is tested");
  const socket = `${scratch.path}/socket`;
  await using server = await EmbeddedServer.start({ socket });
  await using client = await Client.connect({ socket });
  for (let i = 0; i < 1_000; i++) await client.write(`/bulk/${i}`, "x".repeat(100));
  fillUp(`${scratch.path}/full`);
  const file = `${other.path}/dump`;
  assertEquals(await xs(socket, "dump", "-o", file), [0, ""]);
  await client.write("/bulk/7", "changed");
  assertEquals(await xs(socket, "restore", file, "--into", "live"), [0, ""]);
  assertEquals(await client.readText("/bulk/7"), "x".repeat(100));
  const [status, text] = await xs(socket, "dump", "-o", `${scratch.path}/dump`);
  assertEquals(status, 1);
  assertMatch(
    text,
    /^xs: dump \S+\/dump: cannot write it: no space left on the file system \(make room, or name a file elsewhere\)\n$/,
  );
  assertEquals(namesIn(scratch.path), ["full", "socket"]);
  await server.stop();
});
