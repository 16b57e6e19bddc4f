/** Each rule of `xs doctor` on evidence made for it: what it finds, and what it leaves alone. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type {
  Evidence,
  Finding,
  SeenNode,
  SeenRing,
  SeenWatch,
} from "../../lib/doctor/evidence.ts";
import { spinningBetween } from "../../lib/doctor/processes.ts";
import { findingsOf, RULES } from "../../lib/doctor/rules.ts";
import type { DomainStatus, QuotaUse } from "../../lib/engine/status_pages.ts";
import type { Status } from "../../lib/engine/status.ts";
import { DOCTOR_QUEUED_BYTES, DOCTOR_SHARED_WATCHES } from "../../lib/limits.ts";
import { asStale, permEntry, type Perms, READ } from "../../lib/store/perms.ts";

const NOW = Date.parse("2026-11-27T12:00:00Z");

function use(used: number | null, limit: number | null, refused = 0): QuotaUse {
  return { used, peak: used, limit, refused };
}

function domain(
  domid: number,
  quotas: Partial<Record<string, QuotaUse>>,
  commits = 0,
): DomainStatus {
  const all = { "node-size": use(null, 2_048), transactions: use(0, 10), ...quotas };
  return { domid, quotas: all, commits, conflictsSuffered: 0 } as unknown as DomainStatus;
}

function status(change: Partial<Status> = {}): Status {
  const store = { persist: "disk", path: "/var/store", files: [], journalBytes: 0 };
  const since = new Date(NOW - 60_000).toISOString();
  return { store, since, uptimeMs: 60_000, ...change } as unknown as Status;
}

function node(path: string, change: Partial<SeenNode> = {}): SeenNode {
  const perms: Perms = [permEntry(0, 0)];
  return { path, value: "", valueBytes: 0, perms, children: 0, nameBytes: 0, ...change };
}

interface Given {
  readonly nodes?: readonly SeenNode[];
  readonly alive?: readonly number[];
  readonly gone?: readonly number[];
  readonly before?: readonly DomainStatus[];
  readonly after?: readonly DomainStatus[];
  readonly watches?: readonly Partial<SeenWatch>[];
  readonly rings?: readonly Partial<SeenRing>[];
  readonly commitMs?: number;
  readonly status?: Partial<Status>;
  readonly spinning?: Evidence["spinning"];
}

function evidence(given: Given): Evidence {
  const { after = [], alive = [0], before = after, commitMs = 0, gone = [] } = given;
  const commits = { boundsMs: [], counts: [], count: 0, sumMs: 0 };
  const figures = { status: status(given.status), commits, wallMs: NOW };
  const host = [...alive.map((domid) => ({ domid, alive: true, uniqueId: "1" }))];
  const dead = gone.map((domid) => ({ domid, alive: false, uniqueId: null }));
  const watch = { where: "below", path: "/a", token: "t", depth: -1, connection: 1, domid: 0 };
  const rest = {
    name: null,
    pid: 9,
    command: "qemu",
    hears: true,
    queuedBytes: 0,
    eventsPerSecond: 0,
  };
  const ring = {
    domid: 7,
    requestsWaiting: 0,
    responsesWaiting: 0,
    moved: false,
    ignored: false,
    brokenAt: null,
  };
  return {
    nodes: new Map((given.nodes ?? []).map((seen) => [seen.path, seen])),
    host: new Map([...host, ...dead].map((domain) => [domain.domid, domain])),
    before: { ...figures, domains: before },
    after: { ...figures, domains: after, commits: { ...commits, count: 10, sumMs: 10 * commitMs } },
    seconds: 2,
    watches: (given.watches ?? []).map((
      change,
    ) => ({ kind: "watch", ...watch, ...rest, ...change } as SeenWatch)),
    rings: (given.rings ?? []).map((change) => ({ ...ring, ...change })),
    spinning: given.spinning ?? [],
  };
}

function find(given: Given): Finding[] {
  return findingsOf(evidence(given));
}

/** One row a case: what is given, and what is said; null for nothing. */
const CASES: Readonly<Record<string, readonly [given: Given, says: string | null][]>> = {
  "empty-directories": [
    [
      { nodes: [node("/local/domain/0/backend/vif/7")], gone: [7] },
      "an empty directory of domain 7, which is gone",
    ],
    [{ nodes: [node("/local/domain/0/backend/vif/7")], alive: [0, 7] }, null],
    [{ nodes: [node("/local/domain/0/backend/vif/7/0")], gone: [7] }, null],
    // Not asked about: not known to be gone.
    [{ nodes: [node("/libxl/8")] }, null],
  ],
  "gone-domains": [
    [
      { nodes: [node("/local/domain/7", { children: 3 })], gone: [7] },
      "3 children left of domain 7, which is gone",
    ],
    [{ nodes: [node("/local/domain/7", { children: 3 })], alive: [7] }, null],
    [{ nodes: [node("/local/domain/7/data", { children: 3 })], gone: [7] }, null],
  ],
  "stale-names": [
    [
      {
        nodes: [
          node("/local/domain/1/name", { value: "web" }),
          node("/local/domain/9/name", { value: "web" }),
        ],
        gone: [1],
        alive: [9],
      },
      "names domain 1, which is gone, 'web'; domain 9 has the same name, and is hidden by it",
    ],
    [{ nodes: [node("/local/domain/9/name", { value: "web" })], alive: [9] }, null],
  ],
  "dead-permissions": [
    [
      { nodes: [node("/a", { perms: [permEntry(0, 0), asStale(permEntry(7, READ))] })], gone: [7] },
      "an entry of its permissions names domain 7, which is gone",
    ],
    [{ nodes: [node("/a", { perms: [permEntry(0, 0), permEntry(7, READ)] })], alive: [7] }, null],
    // A domid that is used again: the entry counts for nothing, and is no new domain's either.
    [
      {
        nodes: [node("/a", { perms: [permEntry(0, 0), asStale(permEntry(7, READ))] })],
        alive: [7],
      },
      null,
    ],
  ],
  "near-quota": [
    [{
      after: [domain(5, { watches: use(110, 128) })],
      before: [domain(5, { watches: use(104, 128) })],
    }, "110 of 128 by quota watches (85 %); full in about 6s"],
    [
      { after: [domain(5, { watches: use(10, 128, 3) })] },
      "10 of 128 by quota watches (7 %); 3 requests refused so far",
    ],
    [{ after: [domain(5, { watches: use(10, 128) })] }, null],
    [{ after: [domain(0, { watches: use(1_000, null) })] }, null],
  ],
  "large-nodes": [
    [
      {
        nodes: [
          node("/local/domain/5/data", {
            perms: [permEntry(5, 0)],
            children: 180,
            nameBytes: 1_800,
          }),
        ],
        after: [domain(5, {})],
      },
      "about 1808 of 2048 bytes by quota node-size (88 %), 1800 of them the names of 180 children",
    ],
    [{
      nodes: [node("/a", { valueBytes: 10_000 })],
      after: [domain(0, { "node-size": use(null, null) })],
    }, null],
  ],
  "busy-watches": [
    [
      { watches: [{ eventsPerSecond: 600 }, { connection: 2, eventsPerSecond: 600 }] },
      "watched by 2 clients: 1200 events a second together",
    ],
    [
      {
        watches: Array.from({ length: DOCTOR_SHARED_WATCHES }, (_, connection) => ({ connection })),
      },
      `watched by ${DOCTOR_SHARED_WATCHES} clients: 0 events a second together`,
    ],
    [{ watches: [{ eventsPerSecond: 600 }, { path: "/b", eventsPerSecond: 600 }] }, null],
  ],
  "stuck-rings": [
    [{ rings: [{ responsesWaiting: 40 }] }, "has not read 40 bytes in its ring for 2 s"],
    [
      { rings: [{ requestsWaiting: 16 }] },
      "the daemon has not read 16 bytes of its requests for 2 s",
    ],
    [
      { rings: [{ ignored: true }] },
      "the daemon ignores its ring: the guest broke the protocol (xs errors says how)",
    ],
    [{ rings: [{ responsesWaiting: 40, moved: true }] }, null],
    [{ rings: [{}] }, null],
  ],
  "unread-events": [
    [
      { watches: [{ queuedBytes: DOCTOR_QUEUED_BYTES }] },
      `${DOCTOR_QUEUED_BYTES} bytes of answers and events wait for it (connection 1)`,
    ],
    [{ watches: [{ queuedBytes: DOCTOR_QUEUED_BYTES - 1 }] }, null],
  ],
  "open-transactions": [
    [
      { after: [domain(5, { transactions: use(2, 10) })] },
      "2 open transactions, and none has ended for 2 s",
    ],
    [{
      after: [domain(5, { transactions: use(2, 10) }, 4)],
      before: [domain(5, { transactions: use(2, 10) }, 3)],
    }, null],
    [{ after: [domain(5, { transactions: use(2, 10) })], before: [domain(5, {})] }, null],
  ],
  "spinning-clients": [
    [
      { spinning: [{ pid: 9, command: "xenstore-watch", share: 0.98 }] },
      "xenstore-watch uses 98 % of a processor",
    ],
  ],
  "slow-store": [
    [{ commitMs: 80 }, "a commit takes 80 ms on average: the file system is slow or full"],
    [{ commitMs: 1 }, null],
  ],
  "clock-jumps": [
    [{ status: { uptimeMs: 30_000 } }, "was set forward by 30s since the daemon started"],
    [{ status: { uptimeMs: 90_000 } }, "was set back by 30s since the daemon started"],
    [{ status: { uptimeMs: 61_000 } }, null],
  ],
};

for (const { name } of RULES) {
  Deno.test(`doctor: ${name}`, () => {
    for (const [given, says] of CASES[name]!) {
      assertEquals(
        find(given).map(({ rule, text }) => [rule, text]),
        says === null ? [] : [[name, says]],
      );
    }
  });
}

Deno.test("doctor: each finding has an onset that is no later than the first look", () => {
  for (const [name, rows] of Object.entries(CASES)) {
    for (const { onset, rule } of rows.flatMap(([given]) => find(given))) {
      if (onset.kind === "seen") assert(onset.to <= NOW && (onset.from ?? 0) <= onset.to, rule);
      const isLeft = name === rule && /gone|empty|stale|dead/.test(rule);
      if (isLeft) assertEquals(onset.kind, "left");
    }
  }
  const broken = find({ rings: [{ ignored: true, brokenAt: NOW - 5 }] })[0]!;
  assertEquals(broken.onset, { kind: "seen", from: NOW - 5, to: NOW - 5 });
  const slow = find({ commitMs: 60 })[0]!;
  assertEquals(slow.onset, { kind: "seen", from: null, to: NOW - 60_000 });
});

Deno.test("doctor: nothing is wrong with an empty store", () => {
  assertEquals(find({}), []);
});

Deno.test("doctor: a tool spins that was busy all the time, not one that has just begun", () => {
  const before = [{ pid: 1, command: "xenstore-watch", ms: 0 }, {
    pid: 2,
    command: "xenstore-ls",
    ms: 0,
  }];
  const after = [
    { pid: 1, command: "xenstore-watch", ms: 1_990 },
    { pid: 2, command: "xenstore-ls", ms: 100 },
    { pid: 3, command: "xenstore-watch", ms: 9_000 },
  ];
  assertEquals(spinningBetween(before, after, 2_000).map(({ pid }) => pid), [1]);
});

Deno.test("doctor: each rule has its story in its file", async () => {
  for await (const { name } of Deno.readDir(new URL("../../lib/doctor/rules", import.meta.url))) {
    const text = await Deno.readTextFile(
      new URL(`../../lib/doctor/rules/${name}`, import.meta.url),
    );
    assertMatch(text, /^\/\*\*\s+(\* )?Story: /, name);
  }
});
