import { assertEquals } from "@std/assert";
import { findSocket, stockPaths, type Surroundings } from "../../lib/client/socket_path.ts";

interface Case {
  readonly why: string;
  readonly explicit?: string;
  readonly env?: Record<string, string>;
  /** Files that exist, with their owners. */
  readonly files?: Record<string, number>;
  readonly texts?: Record<string, string>;
  readonly uid?: number;
  /** The standard folder cannot be searched. */
  readonly hidden?: boolean;
  readonly found: string;
}

const STANDARD = "/var/run/xenstored/socket";

const DEVICE_FILES = { "/dev/xen/xenbus": 0, "/proc/xen/xenbus": 0 };
const CONTROL = { "/proc/xen/capabilities": "control_d\n" };

const cases: Case[] = [
  { why: "nothing is there: the standard one, for the error's sake", found: STANDARD },
  { why: "asked for", explicit: "/s", env: { XENSTORED_PATH: "/p" }, found: "/s" },
  { why: "PATH", env: { XENSTORED_PATH: "/p", XENSTORED_RUNDIR: "/d" }, found: "/p" },
  { why: "RUNDIR", env: { XENSTORED_RUNDIR: "/d" }, found: "/d/socket" },
  { why: "told, not there", env: { XENSTORED_PATH: "/p" }, files: { [STANDARD]: 0 }, found: "/p" },
  {
    why: "the standard one goes before the user's own",
    uid: 1000,
    files: { [STANDARD]: 0, "/tmp/xs-1000/xenstored/socket": 1000 },
    found: STANDARD,
  },
  {
    why: "the user's own in /tmp",
    uid: 1000,
    files: { "/tmp/xs-1000/xenstored/socket": 1000 },
    found: "/tmp/xs-1000/xenstored/socket",
  },
  {
    why: "the user's own in the run directory",
    uid: 1000,
    env: { XDG_RUNTIME_DIR: "/run/user/1000" },
    files: { "/run/user/1000/xenstored/socket": 1000 },
    found: "/run/user/1000/xenstored/socket",
  },
  {
    why: "another user's socket in our place is not ours",
    uid: 1000,
    files: { "/tmp/xs-1000/xenstored/socket": 1001 },
    found: STANDARD,
  },
  {
    why: "the user's own, where serve went because the standard folder is another user's",
    uid: 1000,
    hidden: true,
    files: { "/tmp/xs-1000/xenstored/socket": 1000 },
    found: "/tmp/xs-1000/xenstored/socket",
  },
  { why: "the hidden one, for the error's sake", uid: 1000, hidden: true, found: STANDARD },
  {
    why: "the hidden one goes before a device",
    hidden: true,
    files: { "/dev/xen/xenbus": 0 },
    found: STANDARD,
  },
  {
    why: "root never takes one from /tmp",
    files: { "/tmp/xs-0/xenstored/socket": 0 },
    found: STANDARD,
  },
  { why: "a guest's device", files: { "/dev/xen/xenbus": 0 }, found: "/dev/xen/xenbus" },
  { why: "a guest's old device", files: { "/proc/xen/xenbus": 0 }, found: "/proc/xen/xenbus" },
  {
    why: "a guest, as its kernel says",
    files: DEVICE_FILES,
    texts: { "/proc/xen/capabilities": "" },
    found: "/dev/xen/xenbus",
  },
  {
    why: "the control domain's kernel would wait for a daemon",
    files: DEVICE_FILES,
    texts: CONTROL,
    found: STANDARD,
  },
  {
    why: "a pid is no stub domain",
    files: DEVICE_FILES,
    texts: { ...CONTROL, "/var/run/xen/xenstored.pid": "1234\n" },
    found: STANDARD,
  },
  {
    why: "a Xenstore stub domain",
    files: DEVICE_FILES,
    texts: { ...CONTROL, "/var/run/xen/xenstored.pid": "domid:1\n" },
    found: "/dev/xen/xenbus",
  },
  {
    why: "the control domain's daemon",
    files: { ...DEVICE_FILES, [STANDARD]: 0 },
    texts: CONTROL,
    found: STANDARD,
  },
];

function around(test: Case): Surroundings {
  const files = test.files ?? {};
  return {
    env: (name) => test.env?.[name],
    exists: (path) => path in files || test.hidden === true && path === STANDARD,
    hidden: (path) => test.hidden === true && path === STANDARD,
    owner: (path) => files[path] ?? null,
    uid: () => test.uid ?? 0,
    text: (path) => test.texts?.[path] ?? null,
  };
}

Deno.test("the daemon's socket is found", () => {
  for (const test of cases) {
    assertEquals(findSocket(test.explicit, around(test)), test.found, test.why);
  }
});

Deno.test("the stock tools look where libxenstore looks", () => {
  const paths = (test: Partial<Case>): (string | undefined)[] =>
    stockPaths(around({ why: "", found: "", ...test }));
  assertEquals(paths({}), [STANDARD, "/proc/xen/xenbus"]);
  assertEquals(paths({ files: { "/dev/xen/xenbus": 0 } }), [STANDARD, "/dev/xen/xenbus"]);
  assertEquals(paths({ env: { XENSTORED_PATH: "/p" } }), ["/p", "/p"]);
  assertEquals(paths({ files: DEVICE_FILES, texts: CONTROL }), [STANDARD]);
  assertEquals(paths({ texts: CONTROL }), [STANDARD, "/proc/xen/xenbus"]);
  assertEquals(paths({ env: { XENSTORED_RUNDIR: "/d" } }), ["/d/socket", "/proc/xen/xenbus"]);
});
