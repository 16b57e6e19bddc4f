import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { XenstoreError } from "../../lib/client/error.ts";
import { parsePermission } from "../../lib/client/perms.ts";
import type { Watch } from "../../lib/client/watch.ts";
import { WATCH_QUEUED_MAX } from "../../lib/limits.ts";
import { pauseBefore } from "../../lib/client/transaction.ts";
import { makeStaleSocket } from "../support/stale_socket.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";

/** A test with a server and a client of its own. */
function testWithClient(
  name: string,
  body: (client: Client, server: EmbeddedServer) => Promise<void>,
): void {
  Deno.test(name, async () => {
    await using server = await EmbeddedServer.start();
    await using client = await Client.connect({ socket: server.socketPath });
    await body(client, server);
  });
}

async function pathOf(watch: Watch): Promise<string | undefined> {
  return (await watch.next()).value?.path;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => promise, XenstoreError)).code;
}

testWithClient("values are bytes or text", async (client) => {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  await client.write("/bytes", all);
  assertEquals(await client.read("/bytes"), all);
  await client.write("/text", "h\u00e9 \u{1f427}");
  assertEquals(await client.readText("/text"), "h\u00e9 \u{1f427}");
  assertEquals(await client.read("/text"), new TextEncoder().encode("h\u00e9 \u{1f427}"));
});

testWithClient("nodes are made, listed, and removed", async (client) => {
  await client.mkdir("/a/b");
  assertEquals(await client.directory("/a"), ["b"]);
  assertEquals(await client.directory("/a/b"), []);
  assertEquals(await client.exists("/a/b"), true);
  await client.rm("/a");
  assertEquals(await client.exists("/a/b"), false);
  assertEquals(await codeOf(client.read("/a")), "ENOENT");
  assertEquals(await codeOf(client.exists("/bad.path")), "EINVAL");
  assertEquals(await codeOf(client.write("/a\0b", "")), "EINVAL");
  assertEquals(await codeOf(client.write("/\u00e9", "")), "EINVAL");
});

testWithClient("a directory of any size is listed", async (client) => {
  const names = Array.from({ length: 3000 }, (_, i) => `child-${i}`);
  await Promise.all(names.map((name) => client.write(`/big/${name}`, "")));
  assertEquals((await client.directory("/big")).sort(), names.sort());
});

testWithClient("permissions go there and back", async (client) => {
  await client.write("/a", "");
  assertEquals(await client.getPerms("/a"), [{ domid: 0, access: "n" }]);
  const perms = ["r0", "w5", "b7"].map(parsePermission);
  await client.setPerms("/a", perms);
  assertEquals(await client.getPerms("/a"), perms);
});

testWithClient("a watch whose events are not taken keeps so many and no more", async (client) => {
  await using watch = await client.watch("/many");
  await using specials = await client.watch("@releaseDomain");
  const count = WATCH_QUEUED_MAX + 2;
  for (let i = 1; i <= count; i += 512) {
    const paths = Array.from({ length: Math.min(512, count + 1 - i) }, (_, j) => `/many/${i + j}`);
    await Promise.all(paths.map((path) => client.write(path, "")));
  }
  // The first one, of its registration, and those of the nodes but for the last became one; the last came behind it.
  assertEquals([await pathOf(watch), await pathOf(watch)], ["/many", `/many/${count - 1}`]);
  assertEquals(await pathOf(watch), `/many/${count}`);
  assertEquals(await pathOf(specials), "@releaseDomain");
});

testWithClient("a watch tells of changes until it is left", async (client) => {
  await using watch = await client.watch("/a");
  assertEquals(await pathOf(watch), "/a");
  await client.write("/a/b", "1");
  await client.write("/other", "1");
  await client.rm("/a/b");
  // Both changes are to one path, and the second was made before the first was taken.
  assertEquals(await pathOf(watch), "/a/b");
  const next = watch.next();
  await client.write("/a", "2");
  assertEquals((await next).value?.path, "/a");
  await watch.unwatch();
  await client.write("/a", "3");
  assertEquals(await watch.next(), { done: true, value: undefined });
});

testWithClient(
  "leaving the loop removes the watch; two of one path are told apart",
  async (client) => {
    const first = await client.watch("/a");
    const second = await client.watch("/a");
    for await (const { path } of first) {
      assertEquals(path, "/a");
      break;
    }
    assertEquals(await pathOf(second), "/a");
    await client.write("/a/x", "");
    assertEquals(await pathOf(second), "/a/x");
    assertEquals((await first.next()).done, true);
  },
);

testWithClient("a watch may be limited in depth", async (client) => {
  await using watch = await client.watch("/a", { depth: 1 });
  assertEquals(await pathOf(watch), "/a");
  await client.write("/a/b", "");
  await client.write("/a/b/c", "");
  await client.write("/a", "");
  assertEquals(await pathOf(watch), "/a/b");
  assertEquals(await pathOf(watch), "/a");
});

testWithClient("a transaction runs again until it commits", async (client, server) => {
  await using other = await Client.connect({ socket: server.socketPath });
  await client.write("/n", "0");
  let attempts = 0;
  await client.transaction(async (tx) => {
    const value = Number(await tx.readText("/n"));
    if (attempts++ < 3) await other.write("/n", String(value + 10));
    await tx.write("/n", String(value + 1));
  });
  assertEquals(attempts, 4);
  assertEquals(await client.readText("/n"), "31");
});

testWithClient("a transaction gives up when told", async (client, server) => {
  await using other = await Client.connect({ socket: server.socketPath });
  let attempts = 0;
  const run = client.transaction(async (tx) => {
    attempts++;
    await tx.exists("/n");
    await other.write("/n", String(attempts));
    await tx.write("/m", "");
  }, { retries: 2 });
  assertEquals(await codeOf(run), "EAGAIN");
  assertEquals(attempts, 3);
  assertEquals(await client.exists("/m"), false);
});

testWithClient("a transaction whose body fails changes nothing, and ends", async (client) => {
  const wanted = new Error("wanted");
  const seen: number[] = [];
  for (let i = 0; i < 20; i++) {
    const run = client.transaction(async (tx) => {
      seen.push(tx.id);
      await tx.write("/a", "1");
      throw wanted;
    });
    assertEquals(await assertRejects(() => run, Error), wanted);
  }
  assertEquals(await client.exists("/a"), false);
  assert(seen.every((id) => id > 0), "a transaction has a number");
});

testWithClient("many counters at once: nothing is lost", async (client, server) => {
  await client.write("/n", "0");
  const others = await Promise.all(
    Array.from({ length: 4 }, () => Client.connect({ socket: server.socketPath })),
  );
  await Promise.all(others.map(async (other) => {
    for (let i = 0; i < 10; i++) {
      await other.transaction(async (tx) => {
        await tx.write("/n", String(Number(await tx.readText("/n")) + 1));
      });
    }
    other.close();
  }));
  assertEquals(await client.readText("/n"), "40");
});

Deno.test("pauses grow, at random, up to a bound", () => {
  assertEquals([1, 2, 3, 5, 8, 50].map((n) => pauseBefore(n, 1)), [0, 1, 2, 8, 50, 50]);
  assertEquals(pauseBefore(50, 0), 0);
});

testWithClient("features, quotas, control, paths of domains", async (client) => {
  assertEquals(await client.getFeature(), await client.getFeature(0));
  assert((await client.getFeature() & 4) !== 0, "watches with a depth");
  const names = await client.quotaNames();
  assert(names.includes("nodes"), names.join());
  await client.setQuota("nodes", 77);
  assertEquals(await client.getQuota("nodes"), 77);
  assertEquals(await codeOf(client.getQuota("bogus")), "EINVAL");
  assertStringIncludes(await client.control("help"), "print");
  assertEquals(await codeOf(client.control("bogus")), "EINVAL");
  assertEquals(await client.getDomainPath(7), "/local/domain/7");
  assertEquals(await client.isDomainIntroduced(7), false);
  assertEquals(await codeOf(client.release(7)), "ENOENT");
});

testWithClient("RESET_WATCHES ends watches", async (client) => {
  const watch = await client.watch("/a");
  await watch.next();
  const next = watch.next();
  await client.resetWatches();
  assertEquals(await next, { done: true, value: undefined });
});

Deno.test("when the daemon ends, what waits hears of it", async () => {
  const server = await EmbeddedServer.start();
  const client = await Client.connect({ socket: server.socketPath });
  const watch = await client.watch("/a");
  await watch.next();
  const waiting = codeOf(watch.next());
  await server.stop();
  assertEquals(await waiting, "ECONNRESET");
  assertEquals(await codeOf(client.read("/")), "ECONNRESET");
  assertEquals(await codeOf(watch.next()), "ECONNRESET");
  await watch.unwatch();
  client.close();
});

Deno.test("connecting says what is wrong", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const gone = await assertRejects(
      () => Client.connect({ socket: `${directory}/gone` }),
      XenstoreError,
    );
    assertEquals([gone.code, gone.operation, gone.path], [
      "ENOENT",
      "connect",
      `${directory}/gone`,
    ]);
    assertStringIncludes(gone.message, "xs serve");
    await makeStaleSocket(`${directory}/stale`);
    assertEquals(await codeOf(Client.connect({ socket: `${directory}/stale` })), "ECONNREFUSED");
    assertEquals(await codeOf(Client.connect({ socket: directory })), "EISDIR");
    await Deno.writeTextFile(`${directory}/file`, "");
    assertEquals(await codeOf(Client.connect({ socket: `${directory}/file` })), "EINVAL");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
