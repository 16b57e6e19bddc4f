/** `xs doctor` says since when a quota is nearly reached, as the history tells it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { daemonHistory } from "../../lib/archive/past/history_source.ts";
import { Client } from "../../lib/client/client.ts";
import { Operations } from "../../lib/client/operations.ts";
import { parsePermission } from "../../lib/client/perms.ts";
import { Session } from "../../lib/client/session.ts";
import { openStream } from "../../lib/client/stream.ts";
import { type Onset, percentOf } from "../../lib/doctor/evidence.ts";
import { type Since, sinceEach } from "../../lib/doctor/since.ts";
import { HistoryUpkeep } from "../../lib/history/upkeep.ts";
import { DOCTOR_QUOTA_PERCENT } from "../../lib/limits.ts";
import { Random, roundsOf } from "../support/random.ts";
import { type RecordedDaemon, startRecorded } from "../support/recorded_daemon.ts";

/** Later than all that the tests do. */
const FIRST_LOOK = Date.parse("2999-01-01");

async function since({ socketPath }: RecordedDaemon, onset: Onset): Promise<Since> {
  const session = new Session(await openStream(socketPath), socketPath);
  try {
    const finding = { rule: "r", object: "o", text: "t", onset, command: null, fix: null };
    const history = daemonHistory(new Operations(session));
    const [found] = await sinceEach([finding], history, FIRST_LOOK);
    return found!;
  } finally {
    session.close();
  }
}

function timeOf({ history }: RecordedDaemon, number: number): number {
  return history.latest.find((record) => record.number === number)!.at / 1_000;
}

/** What of two quotas is used after each commit. */
class Model {
  readonly nodes = new Map<string, number>();
  readonly used: { number: number; nodes: number; size: number }[] = [];

  constructor(readonly server: RecordedDaemon, readonly client: Client) {}

  note(): void {
    const names = [...this.nodes.keys()].filter((path) => /^\/d\/[^/]+$/.test(path));
    const size = this.nodes.get("/d") ?? 0;
    this.used.push({
      number: this.server.history.last,
      nodes: this.nodes.size,
      size: size + 8 + names.reduce((sum, path) => sum + path.length - 2, 0),
    });
  }

  /** The commit since which `limit` is nearly reached, up to now. */
  expected(what: "nodes" | "size", limit: number): number {
    const isNear = (used: number): boolean => percentOf({ used, limit }) >= DOCTOR_QUOTA_PERCENT;
    const last = this.used.findLastIndex((one) => !isNear(one[what]));
    return this.used[last + 1]!.number;
  }
}

Deno.test("since: a quota of nodes, and a node's size, are near their limit since the very commit", async () => {
  for (const { seed } of roundsOf(1, 6)) {
    await using server = await startRecorded();
    using client = await Client.connect({ socket: server.socketPath });
    server.domains.create(5);
    await client.introduce(5, 1, 1);
    const introduced = server.history.last;
    const random = new Random(seed), model = new Model(server, client);
    await client.write("/d", "");
    await client.setPerms("/d", [parsePermission("n5")]);
    model.nodes.set("/d", 0);
    model.note();
    for (let i = 0; i < 120; i++) {
      const path = random.chance(0.2) ? "/d/deep/er" : `/d/${"n".repeat(1 + random.below(30))}`;
      if (random.chance(0.15)) {
        const value = "v".repeat(random.below(100));
        await client.write("/d", value);
        model.nodes.set("/d", value.length);
      } else if (random.chance(0.65)) {
        await client.write(path, `${i}`);
        if (path === "/d/deep/er") model.nodes.set("/d/deep", 0);
        model.nodes.set(path, 0);
      } else {
        const gone = path === "/d/deep/er" && random.chance(0.5) ? "/d/deep" : path;
        if (!model.nodes.has(gone)) continue;
        await client.rm(gone);
        for (const one of [...model.nodes.keys()]) {
          if (one === gone || one.startsWith(`${gone}/`)) model.nodes.delete(one);
        }
      }
      model.note();
    }
    const { nodes: used, size } = model.used.at(-1)!;
    for (const part of [0.81, 0.9, 1, 1.2]) {
      const limit = Math.max(1, Math.floor(used / part));
      const number = model.expected("nodes", limit);
      const found = await since(server, { kind: "nodes", domid: 5, used, limit });
      assertEquals(found.commit, number, `seed ${seed}, ${used} of ${limit} nodes`);
      assertEquals([found.from, found.to], Array(2).fill(timeOf(server, number)));
      assertMatch(found.why!, /^pid \d+ \(.*\) changed it$/);
      const most = Math.max(1, Math.floor(size / part));
      const onset = { domid: 5, used: size, limit: most };
      const at = await since(server, { kind: "size", path: "/d", ...onset });
      assertEquals(at.commit, model.expected("size", most), `seed ${seed}, ${size} of ${most}`);
      assertEquals(at.from, at.to);
    }
    assert(introduced < model.used[0]!.number);
  }
});

Deno.test("since: a quota that was lowered is near its limit since then; no quota is before its domain", async () => {
  await using server = await startRecorded();
  using client = await Client.connect({ socket: server.socketPath });
  server.domains.create(5);
  for (let i = 0; i < 10; i++) {
    await client.write(`/n/${i}`, "");
    await client.setPerms(`/n/${i}`, [parsePermission("n5")]);
  }
  await client.introduce(5, 1, 1);
  const introduced = server.history.last;
  const near = { kind: "nodes", domid: 5, used: 10, limit: 10 } as const;
  assertEquals(await since(server, near), {
    from: timeOf(server, introduced),
    to: timeOf(server, introduced),
    why: "domain 5 was introduced",
    commit: introduced,
  });
  await client.write("/n/0", "1");
  await client.control(["quota", "set", "5", "nodes", "10"]);
  const lowered = server.history.last;
  await client.write("/n/1", "1");
  const found = await since(server, near);
  assertEquals([found.commit, found.from, found.to], [
    lowered,
    ...Array(2).fill(timeOf(server, lowered)),
  ]);
});

Deno.test("since: what the history no longer has is a bound", async () => {
  await using server = await startRecorded();
  const { history } = server;
  using client = await Client.connect({ socket: server.socketPath });
  await client.write("/d", "x".repeat(90));
  const onset = { kind: "size", path: "/d", domid: 0, used: 98, limit: 100 } as const;
  for (let i = 0; i < 3_000; i++) await client.write(`/d2/${i}`, "");
  const upkeep = new HistoryUpkeep(history, { bytes: 1e9, age: 0 });
  while (upkeep.step(Date.now() * 1_000));
  assert(history.horizon!.number > 1);
  assertEquals(await since(server, onset), {
    from: null,
    to: history.horizon!.at / 1_000,
    why: null,
    commit: null,
  });
});
