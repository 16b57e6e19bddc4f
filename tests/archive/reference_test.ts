/** Beside Debian's daemons: their dumps are read, and what they hold is read node by node. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { Client } from "../../lib/client/client.ts";
import { fakeShell } from "../support/fake_shell.ts";
import {
  type ReferenceKind,
  referenceMissing,
  startReference,
} from "../support/reference/daemon.ts";
import { startDaemon } from "../support/daemon.ts";
import { makeScratch } from "../support/scratch.ts";
import { testUnless } from "../support/skip.ts";

const missing = await referenceMissing();
const CORPUS = new URL("../migrate/corpus/", import.meta.url).pathname;

async function xs(
  socket: string,
  ...args: string[]
): Promise<{ status: number; out: string; err: string }> {
  const shell = fakeShell(args, { env: { XENSTORED_PATH: socket } });
  const status = await runApp(shell);
  return { status, ...shell.printed };
}

/** A store of a few hundred nodes, the same on any daemon. */
async function furnish(socket: string): Promise<void> {
  await using client = await Client.connect({ socket });
  for (let i = 0; i < 200; i++) {
    await client.write(`/a/d${i % 7}/n${i}`, `value\n${i}`);
    if (i % 10 !== 0) continue;
    await client.setPerms(`/a/d${i % 7}/n${i}`, [
      { domid: 0, access: "n" },
      { domid: 0, access: "r" },
    ]);
  }
  await client.write("/a/bytes", new Uint8Array([0, 1, 0x80, 0xff, 0x5c]));
  await client.mkdir("/empty");
}

/** What the stock tool prints of the daemon at `socket`. */
async function stockLines(socket: string): Promise<string[]> {
  const { stdout, success } = await new Deno.Command("xenstore-ls", {
    args: ["-f", "-p"],
    env: { XENSTORED_PATH: socket },
  }).output();
  assert(success);
  // Specials, which oxenstored shows as nodes, are none.
  return new TextDecoder().decode(stdout).split("\n").filter((line) => !line.startsWith("/@"))
    .sort();
}

function nodeLines(text: string): string[] {
  return text.split("\n").filter((line) => !line.startsWith("#")).sort();
}

testUnless(missing, "dump as text has the lines of xenstore-ls -f -p on C xenstored", async () => {
  await using peer = await startReference("c");
  await using daemon = await startDaemon();
  await furnish(peer.socketPath);
  await furnish(daemon.socketPath);
  const { err, out, status } = await xs(daemon.socketPath, "dump", "--format", "text");
  assertEquals([status, err], [0, ""]);
  assertEquals(nodeLines(out), await stockLines(peer.socketPath));
});

for (const kind of ["c", "o"] as const satisfies ReferenceKind[]) {
  const name = kind === "c" ? "C xenstored" : "oxenstored";
  testUnless(missing, `${name} is dumped node by node, and compared`, async () => {
    await using scratch = await makeScratch();
    await using peer = await startReference(kind);
    await furnish(peer.socketPath);
    const dump = `${scratch.path}/dump`;
    const { err, status } = await xs(peer.socketPath, "dump", "-o", dump);
    assertEquals(status, 0);
    assertMatch(err, /^xs: live: .* only nodes and permissions were read\n$/);
    const text = await xs("unused", "dump", dump, "--format", "text");
    assertEquals(nodeLines(text.out), await stockLines(peer.socketPath));
    const same = await xs(peer.socketPath, "diff", dump, "live");
    assertEquals([same.status, same.out], [0, ""]);
    await using daemon = await startDaemon();
    const restored = await xs(daemon.socketPath, "restore", dump, "--into", "live");
    assertEquals([restored.status, restored.err], [0, ""]);
    assertEquals(await stockLines(daemon.socketPath), await stockLines(peer.socketPath));
    const refused = await xs(peer.socketPath, "restore", dump, "--into", "live");
    assertEquals(refused.status, 1);
    assertMatch(refused.err, /this daemon cannot restore/);
  });
}

Deno.test("dumps of Xen's own daemons can be restored", async () => {
  const files = [...Deno.readDirSync(CORPUS)].map(({ name }) => name)
    .filter((name) => /^(c|oxenstored)-.*\.(bin|txt)$/.test(name));
  assert(files.length >= 4, `${files}`);
  for (const file of files.sort()) {
    const { err, out, status } = await xs("unused", "restore", CORPUS + file, "--dry-run");
    assertEquals(status, 0, err);
    // What a format says that has no place here is told, a line each.
    assertMatch(err, /^(?:xs: [^\n]+\n)*$/);
    assertMatch(out, /: can be restored: \d+ nodes, /);
    assertEquals((await xs("unused", "diff", CORPUS + file, CORPUS + file)).status, 0);
  }
});
