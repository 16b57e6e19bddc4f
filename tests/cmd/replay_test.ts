/** `xs replay`: a recording sent to the same kind of daemon, to C xenstored, and to one that answers otherwise. */
import { assertEquals, assertMatch } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { Client } from "../../lib/client/client.ts";
import { surroundings } from "../../lib/client/socket_path.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { RECORDING_HEAD } from "../../lib/client/trace/recording.ts";
import { toText } from "../../lib/wire/text.ts";
import { type FakeShell, fakeShell } from "../support/fake_shell.ts";
import { until } from "../support/patience.ts";
import { referenceMissing, startReference } from "../support/reference/daemon.ts";
import { makeScratch } from "../support/scratch.ts";
import { testUnless } from "../support/skip.ts";

function start(socket: string, ...args: string[]): { shell: FakeShell; status: Promise<number> } {
  const shell = fakeShell(args, { env: { XENSTORED_PATH: socket }, exists: surroundings.exists });
  return { shell, status: runApp(shell) };
}

/** What a toolstack and its guest's driver do at a domain's start, as far as nodes and watches go. */
async function startDomain(socket: string): Promise<void> {
  await using xl = await Client.connect({ socket });
  await using backend = await Client.connect({ socket });
  const home = "/local/domain/7", vif = `${home}/device/vif/0`;
  const back = "/local/domain/0/backend/vif/7/0";
  await backend.watch("/local/domain/0/backend/vif");
  await xl.transaction(async (tx) => {
    await tx.rm("/vm/7").catch(() => null);
    await tx.write("/vm/7/name", "web");
    await tx.write(`${home}/name`, "web");
    await tx.setPerms(home, [{ domid: 0, access: "n" }, { domid: 7, access: "r" }]);
    await tx.read(`${home}/nothing`).catch(() => null);
  });
  await xl.transaction(async (tx) => {
    await tx.write(`${vif}/state`, "1");
    await tx.write(`${vif}/backend`, back);
    await tx.write(`${back}/state`, "1");
    await tx.write(`${back}/frontend`, vif);
  });
  await backend.read(`${back}/frontend`);
  await backend.write(`${back}/state`, "2");
  await xl.write(`${home}/vnc-passwd`, "secret");
  await xl.read(`${home}/vnc-passwd`);
  for (const state of ["3", "4"]) await backend.write(`${back}/state`, state);
  await xl.directory(home);
  await xl.getPerms(home);
  await xl.isDomainIntroduced(7).catch(() => null);
}

async function record(file: string): Promise<void> {
  await using server = await EmbeddedServer.start();
  const { shell, status } = start(server.socketPath, "trace", "--write", file);
  using client = await Client.connect({ socket: server.socketPath });
  const recorded = async (path: string): Promise<boolean> => {
    await client.read(path).catch(() => null);
    const bytes = await Deno.readFile(file).catch(() => new Uint8Array(0));
    return toText(bytes).includes(path);
  };
  await until("the recording to begin", () => recorded("/begin"));
  await startDomain(server.socketPath);
  await until("the recording's end", () => recorded("/end"));
  shell.interrupt();
  assertEquals([await status, shell.printed.err], [0, ""]);
}

Deno.test("xs replay: another daemon of the kind answers alike, and one with other nodes does not", async () => {
  await using scratch = await makeScratch();
  const file = `${scratch.path}/recording`;
  await record(file);
  await using server = await EmbeddedServer.start();
  const alike = start("/nowhere", "replay", file, "--against", server.socketPath);
  assertEquals([await alike.status, alike.shell.printed.err], [0, ""]);
  assertMatch(
    alike.shell.printed.out,
    /^\d\d+ calls sent, 0 differences; not sent: .*is_domain_introduced/,
  );
  using client = await Client.connect({ socket: server.socketPath });
  await client.write("/local/domain/7/nothing", "something");
  const other = start("/nowhere", "replay", file, "--against", server.socketPath);
  assertEquals(await other.status, 1);
  assertMatch(
    other.shell.printed.out,
    /read \/local\/domain\/7\/nothing = ENOENT, now something\n/,
  );
  assertEquals(other.shell.printed.out.match(/secret/), null);
});

Deno.test("xs replay: never against the host's own daemon without --yes", async () => {
  await using scratch = await makeScratch();
  const file = `${scratch.path}/recording`;
  await record(file);
  await using server = await EmbeddedServer.start();
  const link = `${scratch.path}/link`;
  await Deno.symlink(server.socketPath, link);
  for (const words of [[], ["--against", server.socketPath], ["--against", link]]) {
    const { shell, status } = start(server.socketPath, "replay", file, ...words);
    assertEquals(await status, 1);
    assertMatch(shell.printed.err, /changes nodes of the host's own daemon/);
  }
  using client = await Client.connect({ socket: server.socketPath });
  assertEquals(await client.directory("/"), ["tool"]);
  const { shell, status } = start(server.socketPath, "replay", file, "--yes");
  assertEquals([await status, shell.printed.err], [0, ""]);
});

Deno.test("xs replay: a recording without calls does not hide that there is no daemon", async () => {
  await using scratch = await makeScratch();
  const file = `${scratch.path}/recording`;
  await Deno.writeFile(file, RECORDING_HEAD);
  const { shell, status } = start("/nowhere", "replay", file, "--against", `${scratch.path}/none`);
  assertEquals(await status, 1);
  assertMatch(shell.printed.err, /^xs: replay: cannot connect to .*\/none: /);
  await using server = await EmbeddedServer.start();
  const alike = start("/nowhere", "replay", file, "--against", server.socketPath);
  assertEquals(
    [await alike.status, alike.shell.printed],
    [0, { out: "0 calls sent, 0 differences\n", err: "" }],
  );
});

const missing = await referenceMissing();

testUnless(
  missing,
  "xs replay: C xenstored answers a recorded start of a domain alike",
  async () => {
    await using scratch = await makeScratch();
    const file = `${scratch.path}/recording`;
    await record(file);
    await using reference = await startReference("c");
    const { shell, status } = start("/nowhere", "replay", file, "--against", reference.socketPath);
    const code = await status;
    assertEquals([code, shell.printed.err], [0, ""], shell.printed.out);
    assertMatch(shell.printed.out, / 0 differences/);
  },
);
