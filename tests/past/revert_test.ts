/** `xs revert`: one commit is undone as a whole, if what it left is still so. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { type Random, roundsOf, withSeed } from "../support/random.ts";
import { type RecordedDaemon, startRecorded } from "../support/recorded_daemon.ts";
import { until } from "../support/patience.ts";
import { failure, lines, makeWorld, xs } from "./support.ts";

/** All nodes with their permissions. */
async function store({ socketPath }: RecordedDaemon): Promise<string> {
  return (await xs(socketPath, ["ls", "-f", "-p", "/"])).out;
}

Deno.test("revert: what a commit changed is as it was, value and permissions", async () => {
  await using world = await makeWorld();
  const { server } = world, { socketPath } = server;
  const before = await store(server);
  assertEquals(await lines(socketPath, "revert", "--dry-run", "8"), [
    "#8 can be reverted: 1 path",
    '- /x = "77" (r0)',
    '+ /x = "1" (r0)',
  ]);
  assertEquals([await store(server), server.history.last], [before, 9]);
  assertEquals((await lines(socketPath, "revert", "8"))[0], "#8 is reverted: 1 path");
  assertEquals((await lines(socketPath, "revert", "#7"))[0], "#7 is reverted: 1 path");
  assertEquals((await lines(socketPath, "revert", "6"))[0], "#6 is reverted: 2 paths");
  const out = (await xs(socketPath, ["revert", "--json", "5"])).out;
  assertEquals(JSON.parse(out), { reverted: 5, dryRun: false, paths: ["/a", "/a/b"] });
  assertEquals(await lines(socketPath, "read", "/a/b"), ["2\\x1b[31m"]);
  assertEquals((await xs(socketPath, ["exists", "/x"])).status, 1);
  // Each was one commit.
  assertEquals(server.history.last, 13);
});

Deno.test("revert: what has changed since is named, with who did it, and nothing is done", async () => {
  await using world = await makeWorld();
  const { server } = world, { socketPath } = server;
  await using client = await Client.connect({ socket: socketPath });
  const refused = async (commit: string, expected: RegExp): Promise<void> => {
    const before = await store(server);
    for (const args of [["revert", commit], ["revert", "--dry-run", commit]]) {
      const [status, err] = await failure(socketPath, ...args);
      assertEquals(status, 1);
      assertMatch(err, expected);
      assertEquals(await store(server), before);
    }
  };
  await refused(
    "6",
    /^xs: revert \/x: it has changed since, by pid \d+ \(.*\) in #8: nothing is reverted\n$/,
  );
  await refused(
    "2",
    /^xs: revert \/a(\/b)?: it has changed since, by pid \d+ \(.*\) in #5: nothing is reverted\n$/,
  );
  await client.write("/a/b", "again");
  await refused("5", /^xs: revert \/a: it is there again, by pid \d+ \(.*\) in #10: /);
  await client.write("/new", "1");
  await client.write("/new/below", "1");
  await refused(
    "11",
    /^xs: revert \/new\/below: it was made since, below what was made, by pid \d+ \(.*\) in #12: /,
  );
  await client.rm("/new/below");
  await client.rm("/new");
  await refused(
    "13",
    /^xs: revert \/new: it is gone, and would have to be made, by pid \d+ \(.*\) in #14: /,
  );
});

Deno.test("revert: what cannot be undone is refused, in a line that says why", async () => {
  await using world = await makeWorld();
  const { domains, socketPath } = world.server;
  const cases: [string, string][] = [
    [
      "4",
      "/local/domain/3/data/set_clipboard: its value is hidden in the history, so it cannot be restored",
    ],
    ["9", "#9: it is no commit, so it changed nothing"],
    ["1", "#1: it cannot be undone (a commit of kind start)"],
    ["99", "there is no #99 yet: the last is #9"],
    ["0", "#0: the history begins after it"],
  ];
  for (const [commit, text] of cases) {
    assertEquals(await failure(socketPath, "revert", commit), [
      1,
      `xs: revert${text.startsWith("there") ? ":" : ""} ${text}\n`,
    ]);
  }
  await using client = await Client.connect({ socket: socketPath });
  domains.create(5);
  await client.introduce(5, 1n, 1);
  await client.write("/of-5", "1");
  await client.setPerms("/of-5", [{ domid: 0, access: "n" }, { domid: 5, access: "r" }]);
  await client.rm("/of-5");
  const removed = world.server.history.last;
  await client.release(5);
  const [status, err] = await failure(socketPath, "revert", `${removed}`);
  assertEquals([status, err], [
    1,
    `xs: revert #${removed}: the permissions of /of-5 name domain 5, which is gone\n`,
  ]);
  for (let i = 0; i < 700; i++) await client.write("/busy", `${i}`);
  assertEquals(await failure(socketPath, "revert", `${removed + 300}`), [
    1,
    `xs: revert #${removed + 300}: parts of it were folded or pruned\n`,
  ]);
});

Deno.test("revert: a guest's name for itself does not tell which domains have died", async () => {
  for (
    const name of ["domain 0", "domain 0) died; (domain 0", "x) died; nothing is left of domain 0"]
  ) {
    await using world = await makeWorld();
    const { domains, socketPath } = world.server;
    await using client = await Client.connect({ socket: socketPath });
    domains.create(5);
    await client.introduce(5, 1n, 1);
    await client.write("/local/domain/5/name", name);
    await client.rm("/x");
    const removed = world.server.history.last;
    domains.die(5);
    const log = async () => (await xs(socketPath, ["log", "--op", "death"])).out;
    await until("the death to be recorded", async () => (await log()).includes("died"));
    const [first] = await lines(socketPath, "revert", `${removed}`);
    assertEquals(first, `#${removed} is reverted: 1 path`);
  }
});

Deno.test("revert: any commit that can be undone leaves the store as it was before it", async () => {
  let undone = 0;
  for (const { seed } of roundsOf(3, 2)) {
    await withSeedAsync(seed, async (random) => {
      await using server = await startRecorded();
      await using client = await Client.connect({ socket: server.socketPath });
      const names = ["/a", "/a/b", "/a/b/c", "/d", "/d/e"];
      for (let i = 0; i < 30; i++) {
        const before = await store(server), last = server.history.last;
        await randomChange(random, client, names);
        const commit = server.history.last;
        if (commit === last || await store(server) === before) continue;
        const { err, status } = await xs(server.socketPath, ["revert", `${commit}`]);
        assertEquals([status, err], [0, ""]);
        assertEquals(sorted(await store(server)), sorted(before));
        undone++;
        // And what was reverted can be done again by reverting that.
        if (random.chance(0.5)) await xs(server.socketPath, ["revert", `${server.history.last}`]);
      }
    });
  }
  assert(undone > 30, `${undone}`);
});

/** Nodes that are made again stand behind their siblings. */
function sorted(text: string): string[] {
  return text.split("\n").sort();
}

async function withSeedAsync(
  seed: number,
  body: (random: Random) => Promise<void>,
): Promise<void> {
  let running: Promise<void> = Promise.resolve();
  withSeed((random) => void (running = body(random)), seed);
  await running.catch((error) => {
    throw new Error(`seed ${seed}`, { cause: error });
  });
}

async function randomChange(
  random: Random,
  client: Client,
  names: readonly string[],
): Promise<void> {
  const change = async (
    nodes: Pick<Client, "write" | "rm" | "setPerms" | "mkdir">,
  ): Promise<void> => {
    const path = random.pick(names);
    try {
      const kind = random.below(6);
      if (kind < 3) await nodes.write(path, `${random.below(1_000)}`);
      else if (kind === 3) await nodes.rm(path);
      else if (kind === 4) await nodes.mkdir(path);
      else await nodes.setPerms(path, [{ domid: 0, access: random.pick(["n", "r", "b"]) }]);
    } catch {
      // What is not there cannot be removed, nor get permissions.
    }
  };
  if (random.chance(0.5)) return await change(client);
  await client.transaction(async (inside) => {
    for (let i = 0; i < 4; i++) await change(inside);
  });
}
