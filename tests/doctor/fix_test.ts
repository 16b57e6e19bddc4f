/** `xs doctor` on a daemon: a leak of directories is found, shown, fixed, and only what is still so. */
import { assertEquals, assertMatch } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { Client } from "../../lib/client/client.ts";
import { Operations } from "../../lib/client/operations.ts";
import { Session } from "../../lib/client/session.ts";
import { surroundings } from "../../lib/client/socket_path.ts";
import { openStream } from "../../lib/client/stream.ts";
import { applyFix } from "../../lib/doctor/fix.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { fakeShell } from "../support/fake_shell.ts";

async function doctor(
  socket: string,
  ...args: string[]
): Promise<{ status: number; out: string; err: string }> {
  const shell = fakeShell(["doctor", "--for", "0.05", ...args], {
    env: { XENSTORED_PATH: socket },
    exists: surroundings.exists,
  });
  return { status: await runApp(shell), ...shell.printed };
}

/** What domains 7 and 8 leave with dom0 of which only 8 lives. */
async function leak(): Promise<{ server: EmbeddedServer; client: Client }> {
  const server = await EmbeddedServer.start();
  server.domains.create(8);
  const client = await Client.connect({ socket: server.socketPath });
  const backend = "/local/domain/0/backend";
  await client.mkdir(`${backend}/vchan/7`);
  await client.write(`${backend}/vif/7/0/state`, "6");
  await client.mkdir(`${backend}/vchan/8`);
  await client.write(`${backend}/vif/8/0/state`, "4");
  await client.write("/local/domain/7/name", "web");
  await client.write("/local/domain/8/name", "web");
  await client.setPerms("/tool", [{ domid: 0, access: "n" }, { domid: 7, access: "r" }, {
    domid: 8,
    access: "r",
  }]);
  return { server, client };
}

Deno.test("xs doctor: finds what a domain that is gone has left, shows, then fixes it", async () => {
  const { client, server } = await leak();
  await using _server = server;
  using _client = client;
  const socket = server.socketPath;
  const found = await doctor(socket);
  assertEquals([found.status, found.err], [1, ""]);
  assertMatch(
    found.out,
    /^empty-directories: \/local\/domain\/0\/backend\/vchan\/7: an empty directory of domain 7, which is gone\n {2}since .* at the latest\n {2}xs rm \/local\/domain\/0\/backend\/vchan\/7$/m,
  );
  assertMatch(found.out, /^gone-domains: \/local\/domain\/0\/backend\/vif\/7: /m);
  assertMatch(
    found.out,
    /^stale-names: \/local\/domain\/7\/name: .*; domain 8 has the same name, and is hidden by it$/m,
  );
  assertMatch(found.out, /^dead-permissions: \/tool: /m);
  assertEquals(found.out.match(/domain 8, which is gone|(vif|vchan)\/8/), null, found.out);
  const shown = await doctor(socket, "--fix");
  assertMatch(
    shown.out,
    /^ {2}--yes would remove \/local\/domain\/0\/backend\/vif\/7 and all below it$/m,
  );
  assertEquals(await client.directory("/local/domain/0/backend/vif"), ["7", "8"]);
  const fixed = await doctor(socket, "--fix", "--yes");
  assertEquals(fixed.err, "");
  assertMatch(
    fixed.out,
    /^gone-domains: .*: 1 child left of domain 7, which is gone\n {2}since .*\n {2}fixed$/m,
  );
  assertEquals(await client.directory("/local/domain/0/backend/vif"), ["8"]);
  assertEquals(await client.directory("/local/domain/0/backend/vchan"), ["8"]);
  assertEquals((await client.getPerms("/tool")).map(({ domid }) => domid), [0, 8]);
  const after = await doctor(socket);
  assertEquals([after.status, after.out], [0, "nothing is wrong\n"]);
});

Deno.test("xs doctor: a fix looks again, in its transaction, at the node and at the hypervisor's list", async () => {
  const { client, server } = await leak();
  await using _server = server;
  using _client = client;
  const session = new Session(await openStream(server.socketPath), server.socketPath);
  const nodes = new Operations(session);
  const path = "/local/domain/0/backend/vchan/7";
  const empty = { kind: "remove empty", path, domid: 7 } as const;
  await client.write(`${path}/new`, "1");
  assertEquals(await applyFix(nodes, empty), "not so any more");
  await client.rm(`${path}/new`);
  server.domains.create(7);
  assertEquals(await applyFix(nodes, empty), "not so any more");
  assertEquals(await applyFix(nodes, { kind: "remove", path, domid: 7 }), "not so any more");
  assertEquals(await client.exists(path), true);
  server.domains.remove(7);
  assertEquals(await applyFix(nodes, empty), "done");
  assertEquals(await client.exists(path), false);
  assertEquals(await applyFix(nodes, empty), "not so any more");
  session.close();
});

Deno.test("xs doctor: wrong usage, no daemon", async () => {
  const { client, server } = await leak();
  await using _server = server;
  client.close();
  const wrong = await doctor(server.socketPath, "--yes");
  assertEquals(wrong.status, 2);
  assertMatch(wrong.err, /^xs: doctor --yes: it needs --fix/);
  assertMatch((await doctor("/nowhere/socket")).err, /^xs: doctor: cannot connect to /);
});
