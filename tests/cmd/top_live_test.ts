/** `xs top` beside a daemon with a thousand domains: bounded, and its figures are those of the daemon. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { Client } from "../../lib/client/client.ts";
import { surroundings } from "../../lib/client/socket_path.ts";
import { TOP_ROWS_PRINTED_MAX } from "../../lib/limits.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { xsCommand } from "../support/daemon.ts";
import { fakeShell } from "../support/fake_shell.ts";
import { makeScratch } from "../support/scratch.ts";
import { until } from "../support/patience.ts";
import { missingFile, testUnless } from "../support/skip.ts";
import { runTmux, seen } from "../support/tmux.ts";

const DOMAINS = 1_000;

/** Begins a transaction; returns what ends it. */
async function openTransaction(client: Client): Promise<() => Promise<void>> {
  const begun = Promise.withResolvers<void>(), end = Promise.withResolvers<void>();
  const over = client.transaction(async () => {
    begun.resolve();
    await end.promise;
  });
  await begun.promise;
  return async () => {
    end.resolve();
    await over;
  };
}

/** A thousand domains with names, of which number 500 watches, has a transaction open, and reads no events. */
async function crowd(): Promise<{ server: EmbeddedServer } & AsyncDisposable> {
  const server = await EmbeddedServer.start();
  const client = await Client.connect({ socket: server.socketPath });
  for (let domid = 1; domid <= DOMAINS; domid++) {
    if (domid === 500) continue;
    server.domains.create(domid);
    await client.introduce(domid, 1, 1);
    await client.write(`/local/domain/${domid}/name`, `guest-${domid}`);
  }
  const guest = await server.guest(500);
  await guest.write("name", "watcher");
  for (const path of ["device", "device/vif", "/local/domain/7/device"]) await guest.watch(path);
  const endTransaction = await openTransaction(guest);
  client.close();
  return {
    server,
    [Symbol.asyncDispose]: async () => {
      await endTransaction();
      guest.close();
      await server.stop();
    },
  };
}

interface Row {
  readonly key: string;
  readonly name: string;
  readonly watches: number | null;
  readonly open: number | null;
  readonly queued: number | null;
  readonly quota: { readonly name: string; readonly percent: number } | null;
}

/** What `xs top --once` says of an axis. */
async function look(
  { server }: { server: EmbeddedServer },
  ...args: string[]
): Promise<{ text: string; rows: Row[]; more: number }> {
  const words = ["top", "--once", "--interval", "0.1", ...args];
  const shell = fakeShell(words, {
    env: { XENSTORED_PATH: server.socketPath },
    exists: surroundings.exists,
  });
  assertEquals([await runApp(shell), shell.printed.err], [0, ""]);
  const text = shell.printed.out;
  return args.includes("--json") ? { text, ...JSON.parse(text) } : { text, rows: [], more: 0 };
}

Deno.test("xs top: a thousand domains, each axis with watches, transactions and quotas", async () => {
  await using world = await crowd();
  const domains = await look(world, "--json");
  assertEquals([domains.rows.length, domains.more], [TOP_ROWS_PRINTED_MAX, 1]);
  const guest = domains.rows.find(({ key }) => key === "500");
  const transactions = { name: "transactions", percent: 10 };
  const held = { watches: 3, open: 1, queued: 0, quota: transactions };
  const figures = (row?: Row): object => {
    const { open, queued, quota, watches } = row!;
    return { watches, open, queued, quota };
  };
  assertEquals([guest?.name, figures(guest)], ["domain 500 (watcher)", held]);
  const table = (await look(world)).text.split("\n");
  assert(table.length <= TOP_ROWS_PRINTED_MAX + 1, `${table.length} lines`);

  using program = await Client.connect({ socket: world.server.socketPath });
  for (const path of ["/local/domain/7", "/local/domain/7/device/vif", "/vm"]) {
    await program.watch(path);
  }
  // The state is three levels below: only one of these hears of it.
  for (const depth of [2, 3]) await program.watch("/local/domain/7/device", { depth });
  const endTransaction = await openTransaction(program);
  const processes = await look(world, "--json", "--axis", "processes");
  assertEquals(processes.rows.length, TOP_ROWS_PRINTED_MAX);
  const ring = processes.rows.find(({ key }) => key === "domain 500");
  const own = processes.rows.find(({ key }) => key === `pid ${Deno.pid}`);
  assertEquals(figures(ring), held);
  assertEquals(figures(own), { watches: 5, open: 1, queued: own!.queued, quota: null });
  assertMatch(own!.name, new RegExp(`\\[${Deno.pid}\\]$`));

  let isOver = false;
  const traffic = (async () => {
    while (!isOver) await program.write("/local/domain/7/device/vif/0/state", "4");
  })().catch((error) => error);
  const state = await until("the path to show", async () => {
    const { rows } = await look(world, "--json", "--axis", "paths");
    return rows.find(({ key }) => key === "/local/domain/*/device/vif/*/state") ?? null;
  });
  isOver = true;
  assertEquals(await traffic, undefined);
  await endTransaction();
  // The guest's three, and the program's on a domain's home, on `device/vif` and on `device`.
  assertEquals([state.watches, state.open, state.quota], [6, null, null]);
});

const tmux = await missingFile("/usr/bin/tmux", "tmux");

testUnless(tmux, "xs top in a terminal: a thousand domains at 80x24 and at 200x50", async () => {
  await using world = await crowd();
  await using scratch = await makeScratch();
  const name = `xs-top-live-${Deno.pid}`, script = `${scratch.path}/run`;
  const command = xsCommand().map((word) => `'${word}'`).join(" ");
  await Deno.writeTextFile(
    script,
    `XENSTORED_PATH='${world.server.socketPath}' ${command} top; exec sleep 600\n`,
  );
  try {
    await runTmux(name, "new-session", "-d", "-x", "80", "-y", "24", `sh ${script}`);
    const small = (await seen(name, /^a axis .* q quit$/m)).split("\n");
    assertEquals([small.length, small.every((line) => line.length <= 80)], [25, true]);
    assertMatch(small.join("\n"), /, 1001 domains, /);
    await runTmux(name, "send-keys", "/", "watcher", "Enter");
    await seen(name, /filter \(watcher\)/);
    await seen(name, /^>domain 500 \(watcher\) .* 10% /m);
    await runTmux(name, "resize-window", "-x", "200", "-y", "50");
    await seen(name, /OPEN WATCHES +QUEUED OTHER\/S$/m);
    const wide = await seen(name, /^>domain 500 \(watcher\) .* 10% +0 +0 +1 +3 +0 +0$/m);
    assertEquals([wide.split("\n").length, Math.max(...wide.split("\n").map((l) => l.length))], [
      51,
      200,
    ]);
    await runTmux(name, "send-keys", "Enter");
    await seen(name, /^Esc back/m);
    await seen(name, /^watches +3$/m);
  } finally {
    await runTmux(name, "kill-server");
  }
});
