import { guest, type RequestType, type Row, type Scenario, scenario, times } from "../table.ts";

const PRIVILEGED: readonly RequestType[] = [
  "CONTROL",
  "INTRODUCE",
  "RELEASE",
  "IS_DOMAIN_INTRODUCED",
  "RESUME",
  "SET_TARGET",
  "SET_FEATURE",
  "GET_QUOTA",
  "SET_QUOTA",
];

const home = "/local/domain/1";

/** Three watches of g1 that see its home: relative, absolute, and on the root. */
const threeWatches: readonly Row[] = [
  ["g1", "WATCH", "data.rel.", "OK", { events: { g1: ["data.rel."] } }],
  ["g1", "WATCH", `${home}.abs.`, "OK", { events: { g1: [`${home}.abs.`] } }],
  ["g1", "WATCH", "/.root.", "OK", { events: { g1: ["/.root."] } }],
];

/** Plain, depth and domid watches on @releaseDomain, on a connection each. */
const releaseWatches: readonly Row[] = [
  ["s", "WATCH", "@releaseDomain.p.", "OK", { events: { s: ["@releaseDomain.p."] } }],
  ["s2", "WATCH", "@releaseDomain.d.1.", "OK", { events: { s2: ["@releaseDomain.d."] } }],
  ["s3", "WATCH", "@releaseDomain/1.i.", "OK", { events: { s3: ["@releaseDomain/1.i."] } }],
];
const released = {
  s: ["@releaseDomain.p."],
  s2: ["@releaseDomain/1.d."],
  s3: ["@releaseDomain/1.i."],
};
/** What a watcher of domain 1's home and its end sees when the domain goes. */
const gone = { ...released, s: ["/local/domain/1/data.n.", "@releaseDomain.p."] };
const watchHome: Row = ["s", "WATCH", `${home}.n.`, "OK", { events: { s: [`${home}.n.`] } }];

const LONG_TOKEN = "k".repeat(4090);

/** Test vectors 26 to 43 and 55 to 60: what a guest sees on its ring. */
export const guestVectors: readonly Scenario[] = [
  scenario("vector 26: what only dom0 may do", [
    ...guest(1),
    ...PRIVILEGED.map((type) => ["g1", type, "1.", "EACCES"] as const),
    ...PRIVILEGED.map((type) => ["g1", type, "1.", "EACCES", { tx: 99 }] as const),
  ]),
  scenario("vector 27: a guest's own features", [
    ...guest(1),
    ["g1", "GET_FEATURE", "", "14."],
    ["g1", "GET_FEATURE", "1.", "EACCES"],
  ]),
  scenario("vector 28: what a guest can't see looks denied", [
    ...guest(1),
    ["g1", "READ", "/nonex.", "EACCES"],
    ["g1", "READ", "/tool.", "EACCES"],
    ["g1", "READ", "/tool/xenstored/foo.", "EACCES"],
  ]),
  scenario("vector 29: missing below what a guest can read", [
    ...guest(1),
    ["g1", "READ", `${home}/nonex.`, "ENOENT"],
    ["g1", "READ", `${home}/a/b/c.`, "ENOENT"],
  ]),
  scenario("vector 30: a home that the guest may only read", [
    ...guest(1),
    ["g1", "WRITE", `${home}/x.v`, "EACCES"],
    ["g1", "MKDIR", `${home}/x.`, "EACCES"],
    ["g1", "RM", `${home}/x.`, "EACCES"],
  ]),
  scenario("vector 31: RM needs no right on the parent", [
    ...guest(1),
    ["g1", "RM", "data/x.", "OK"],
    ["g1", "RM", "data/x/y.", "ENOENT"],
    ["g1", "RM", "data.", "OK"],
    ["s", "DIRECTORY", `${home}.`, ""],
  ]),
  scenario("vector 32: implicit parents belong to the guest", [
    ...guest(1),
    ["g1", "WRITE", "data/a/b/c.val", "OK"],
    ["g1", "GET_PERMS", "data/a.", "n1."],
  ]),
  scenario("vector 33: a guest can't give a node away", [
    ...guest(1),
    ...guest(2),
    ["g1", "MKDIR", "data/a.", "OK"],
    ["g1", "SET_PERMS", "data/a.n2.r1.", "EPERM"],
    ["g1", "SET_PERMS", "data/a.r32757.", "EPERM"],
    ["g1", "GET_PERMS", "data/a.", "n1."],
  ]),
  scenario("vector 34: five permissions are allowed, six are not (C: four)", [
    ...guest(1),
    ["g1", "MKDIR", "data/a.", "OK"],
    ["g1", "SET_PERMS", "data/a.n1.r1.r1.r1.r1.", "OK"],
    ["g1", "SET_PERMS", "data/a.n1.r1.r1.r1.r1.r1.", "ENOSPC"],
  ]),
  scenario("vector 35: WATCH ignores the transaction", [
    ...guest(1),
    ["g1", "WATCH", "foo.t.", "OK", { tx: 77, events: { g1: ["foo.t."] } }],
  ]),
  scenario("vector 36: RESET_WATCHES does not ignore it", [
    ...guest(1),
    ["g1", "RESET_WATCHES", ".", "ENOENT", { tx: 77 }],
  ]),
  scenario("vector 37: nested watches each get their event", [
    ...guest(1),
    ...threeWatches,
    ["g1", "WRITE", "data/q/r.v", "OK", {
      events: { g1: ["data/q/r.rel.", `${home}/data/q/r.abs.`, `${home}/data/q/r.root.`] },
    }],
  ]),
  scenario("vector 38: no event of what a guest can't read", [
    ...guest(1),
    ...threeWatches,
    ["s", "WRITE", "/tool/z.v", "OK"],
  ]),
  scenario("vector 39: an event of what inherits the right to read", [
    ...guest(1),
    ...threeWatches,
    ["s", "MKDIR", `${home}/priv.`, "OK", {
      events: { g1: [`${home}/priv.abs.`, `${home}/priv.root.`] },
    }],
    ["s", "GET_PERMS", `${home}/priv.`, "n0.r1."],
  ]),
  scenario("vector 40: RM fires below, then on the removed node", [
    ...guest(1),
    ["g1", "MKDIR", "data/w/x/y.", "OK"],
    ...threeWatches,
    ["g1", "WATCH", "data/w.w.", "OK", { events: { g1: ["data/w.w."] } }],
    ["g1", "WATCH", "data/w/x/y.y.", "OK", { events: { g1: ["data/w/x/y.y."] } }],
    ["g1", "RM", "data/w.", "OK", {
      events: {
        g1: [
          "data/w/x/y.y.",
          "data/w.rel.",
          `${home}/data/w.abs.`,
          `${home}/data/w.root.`,
          "data/w.w.",
        ],
      },
    }],
  ]),
  scenario("vector 41: a shutdown is announced once", [
    ...guest(1),
    ...releaseWatches,
    { domain: 1, change: "shutdown", events: released },
    { domain: 1, change: "shutdown" },
  ]),
  scenario("vector 41: the domain's own event before the plain one", [
    ...guest(1),
    ["s", "WATCH", "@releaseDomain.p.", "OK", { events: { s: ["@releaseDomain.p."] } }],
    ["s", "WATCH", "@releaseDomain.d.1.", "OK", { events: { s: ["@releaseDomain.d."] } }],
    ["s", "WATCH", "@releaseDomain/1.i.", "OK", { events: { s: ["@releaseDomain/1.i."] } }],
    {
      domain: 1,
      change: "shutdown",
      events: { s: ["@releaseDomain/1.d.", "@releaseDomain/1.i.", "@releaseDomain.p."] },
    },
  ]),
  scenario("vector 42: death removes the domain's nodes, then announces it", [
    ...guest(1),
    watchHome,
    ...releaseWatches,
    { domain: 1, change: "dying" },
    { domain: 1, change: "dead", events: gone },
    ["s", "IS_DOMAIN_INTRODUCED", "1.", "F."],
    ["s", "DIRECTORY", `${home}.`, ""],
  ]),
  scenario("vector 43: another domain of the same domid means death of the first", [
    ...guest(1),
    watchHome,
    ...releaseWatches,
    { domain: 1, change: "replace", events: gone },
    ["s", "IS_DOMAIN_INTRODUCED", "1.", "F."],
  ]),
  scenario("vector 55: 128 watches are allowed, one more is not (C: 127)", [
    ...guest(1),
    ...times(
      128,
      (i) => ["g1", "WATCH", `data/w${i}.t.`, "OK", { events: { g1: [`data/w${i}.t.`] } }],
    ),
    ["g1", "WATCH", "data/more.t.", "ENOSPC"],
    ["g1", "UNWATCH", "data/w0.t.", "OK"],
    ["g1", "WATCH", "data/more.t.", "OK", { events: { g1: ["data/more.t."] } }],
  ]),
  scenario("vector 55: 10 transactions are allowed, one more is not (C: 9)", [
    ...guest(1),
    ...times(10, (i) => ["g1", "TRANSACTION_START", ".", `${i + 1}.`]),
    ["g1", "TRANSACTION_START", ".", "ENOSPC"],
    ["g1", "TRANSACTION_END", "F.", "OK", { tx: 4 }],
    ["g1", "TRANSACTION_START", ".", "11."],
  ]),
  scenario("vector 55: 1000 nodes are allowed, one more is not (C: 999)", [
    ...guest(1),
    // Nine directories of 110: one alone would be over the quota of a node's size.
    ...times(990, (i) => ["g1", "MKDIR", `data/d${i % 9}/n${i}.`, "OK"]),
    ["g1", "MKDIR", "data/more.", "ENOSPC"],
    ["g1", "RM", "data/d0/n0.", "OK"],
    ["g1", "MKDIR", "data/more.", "OK"],
    ["g1", "MKDIR", "data/more2.", "ENOSPC"],
  ]),
  scenario("vector 56: 1024 nodes in a transaction are allowed, one more is not (C: 1023)", [
    ...guest(1),
    ["g1", "TRANSACTION_START", ".", "1."],
    ["g1", "READ", "data.", "", { tx: 1 }],
    ...times(1023, (i) => ["g1", "READ", `data/n${i}.`, "ENOENT", { tx: 1 }]),
    ["g1", "READ", "data/more.", "ENOSPC", { tx: 1 }],
    ["g1", "TRANSACTION_END", "T.", "ENOMEM", { tx: 1 }],
    ["g1", "READ", "data.", "ENOENT", { tx: 1 }],
  ]),
  scenario("vector 57: a device model acts for its target", [
    ...guest(1),
    ...guest(2),
    ["s", "WRITE", "/x.v", "OK"],
    ["s", "SET_PERMS", "/x.n0.r1.", "OK"],
    ["g2", "READ", "/x.", "EACCES"],
    ["s", "SET_TARGET", "2.1.", "OK"],
    ["g2", "READ", "/x.", "v"],
    ["g2", "WRITE", `${home}/data/new.v`, "OK"],
    ["g1", "GET_PERMS", "data/new.", "EACCES"],
    ["s", "GET_PERMS", `${home}/data/new.`, "n2."],
  ]),
  scenario("vector 58: the first entry that fits decides", [
    ...guest(1),
    ...guest(2),
    ["s", "WRITE", "/x.v", "OK"],
    ["s", "SET_PERMS", "/x.n0.n2.r1.", "OK"],
    ["s", "SET_TARGET", "2.1.", "OK"],
    ["g2", "READ", "/x.", "EACCES"],
    ["g1", "READ", "/x.", "v"],
  ]),
  scenario("vector 59: an entry does not reach a later holder of its domid", [
    ["s", "WRITE", "/x.v", "OK"],
    ["s", "SET_PERMS", "/x.n0.r9.", "OK"],
    ...guest(9),
    ["g9", "READ", "/x.", "EACCES"],
    ["s", "SET_PERMS", "/x.n0.r9.", "OK"],
    ["g9", "READ", "/x.", "v"],
  ]),
  scenario("vector 60: an event over 4096 bytes is dropped", [
    ...guest(1),
    ["g1", "WATCH", `a.${LONG_TOKEN}.`, "OK", { events: { g1: [`a.${LONG_TOKEN}.`] } }],
    ["s", "WRITE", `${home}/a/bc.v`, "OK", { events: { g1: [`a/bc.${LONG_TOKEN}.`] } }],
    ["s", "WRITE", `${home}/a/bcd.v`, "OK"],
  ], "bytes"),
];
