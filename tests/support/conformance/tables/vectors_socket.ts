import { MessageType } from "../../../../lib/wire/message_type.ts";
import { toBytes } from "../../../../lib/wire/text.ts";
import { each, raw, type Scenario, scenario, times } from "../table.ts";
import type { World } from "../../worlds/world.ts";

const CHILDREN = 1200;
const childName = (i: number): string => `child${String(i).padStart(4, "0")}`;

/** Reads a long list in slices and checks each against the rule by which they are filled. */
async function readInSlices(world: World): Promise<void> {
  let offset = 0;
  let names = "";
  for (let slices = 1;; slices++) {
    const payload = toBytes(`/big\0${offset}\0`);
    const reply = (await world.request("s", MessageType.DIRECTORY_PART, payload, 0)).at(-1);
    if (reply === undefined) throw new Error("no reply");
    const head = reply.text.indexOf("\0") + 1;
    const slice = reply.text.slice(head);
    if (slice.endsWith("\0\0")) {
      names += slice.slice(0, -1);
      if (slices !== 3) throw new Error(`read in ${slices} slices, not 3`);
      break;
    }
    // A further name of nine characters would have reached the limit.
    if (slice.length + 9 < 4096 - head - 1) throw new Error(`a slice of only ${slice.length}`);
    names += slice;
    offset += slice.length;
  }
  const wanted = Array.from({ length: CHILDREN }, (_, i) => `${childName(i)}\0`).join("");
  if (names !== wanted) throw new Error("the slices do not add up to the list of children");
}

/** Test vectors 1 to 25, 44, 45 and 49 to 54: what dom0 sees on its socket. */
export const socketVectors: readonly Scenario[] = [
  scenario("vector 1: the root of a fresh store", [["s", "DIRECTORY", "/.", "tool."]]),
  scenario("vector 2: permissions of a fresh store", [
    ["s", "GET_PERMS", "@releaseDomain.", "n0.r32757."],
    ["s", "GET_PERMS", "@introduceDomain.", "n0."],
    ["s", "GET_PERMS", "/tool/xenstored.", "n0."],
  ]),
  scenario("vector 3: specials are no nodes", [
    ["s", "READ", "@releaseDomain.", "EINVAL"],
    ["s", "DIRECTORY", "@releaseDomain.", "EINVAL"],
  ]),
  scenario("vector 4: READ takes one string", [
    ...each("s", "READ", ["", ".", "/a", "/a.b."], "EINVAL"),
  ]),
  scenario("vector 5: malformed paths", [
    ...each("s", "READ", ["/tool/.", "//tool.", raw("/to.ol\0"), "/local/domain/."], "EINVAL"),
  ]),
  scenario("vector 6: a relative path on a socket", [
    ["s", "WRITE", "foo.bar", "OK"],
    ["s", "READ", "/local/domain/0/foo.", "bar"],
  ]),
  scenario("vector 7: RM of what is not there, and of the root", [
    ["s", "RM", "/nope.", "OK"],
    ["s", "RM", "/nope/b.", "ENOENT"],
    ["s", "RM", "/.", "EINVAL"],
  ]),
  scenario("vector 8: the root is a node", [
    ["s", "MKDIR", "/.", "OK"],
    ["s", "WRITE", "/.x", "OK"],
    ["s", "READ", "/.", "x"],
  ]),
  scenario("vector 9: transactions that are not there", [
    ["s", "READ", "/tool.", "ENOENT", { tx: 99 }],
    ["s", "TRANSACTION_END", "T.", "ENOENT"],
    ["s", "TRANSACTION_END", "X.", "EINVAL"],
  ]),
  scenario("vector 10: TRANSACTION_START ignores its payload", [
    ["s", "TRANSACTION_START", "", "1."],
    ["s", "TRANSACTION_START", ".", "2."],
    ["s", "TRANSACTION_START", "junk.more.", "3."],
  ]),
  scenario("vector 11: transactions do not nest", [
    ["s", "TRANSACTION_START", ".", "1."],
    ["s", "TRANSACTION_START", ".", "EBUSY", { tx: 1 }],
  ]),
  scenario("vector 12: malformed permissions", [
    ["s", "MKDIR", "/m.", "OK"],
    ...each("s", "SET_PERMS", ["/m.", "/m.x0.", "/m.n.", "/m.n0x."], "EINVAL"),
  ]),
  scenario("vector 13: domids of permissions in C's notations", [
    ["s", "MKDIR", "/m.", "OK"],
    ["s", "SET_PERMS", "/m.n0x0.", "OK"],
    ["s", "SET_PERMS", "/m.n00.r0.", "OK"],
    ["s", "GET_PERMS", "/m.", "n0.r0."],
  ]),
  scenario("vector 14: permissions for an unknown domain", [
    ["s", "MKDIR", "/m.", "OK"],
    ["s", "SET_PERMS", "/m.n77.", "ENOENT"],
    ["s", "SET_PERMS", "/m.n0.r77.", "OK"],
    ["s", "GET_PERMS", "/m.", "n0.r77."],
  ]),
  scenario("vector 15: GET_DOMAIN_PATH", [
    ["s", "GET_DOMAIN_PATH", "5.", "/local/domain/5."],
    ["s", "GET_DOMAIN_PATH", "0005.", "/local/domain/5."],
    ["s", "GET_DOMAIN_PATH", "65535.", "/local/domain/65535."],
    ["s", "GET_DOMAIN_PATH", "65536.", "EINVAL"],
    ["s", "GET_DOMAIN_PATH", "abc.", "EINVAL"],
    ["s", "GET_DOMAIN_PATH", ".", "/local/domain/0."],
    ["s", "GET_DOMAIN_PATH", "-1.", "EINVAL"],
    ["s", "GET_DOMAIN_PATH", " 7.", "/local/domain/7."],
  ]),
  scenario("vector 16: IS_DOMAIN_INTRODUCED", [
    ["s", "IS_DOMAIN_INTRODUCED", "0.", "T."],
    ["s", "IS_DOMAIN_INTRODUCED", "32752.", "T."],
    ["s", "IS_DOMAIN_INTRODUCED", "3.", "F."],
  ]),
  scenario("vector 17: domains that can't be released, resumed or targeted", [
    ["s", "RELEASE", "0.", "EINVAL"],
    ["s", "RELEASE", "5.", "ENOENT"],
    ["s", "RESUME", "0.", "EINVAL"],
    ["s", "SET_TARGET", "1.2.", "ENOENT"],
  ]),
  scenario("vector 18: domains that can't be introduced", [
    ["s", "INTRODUCE", "1.", "EINVAL"],
    ["s", "INTRODUCE", "1.0.0.", "EINVAL"],
    ["s", "INTRODUCE", "1.0.5.", "EINVAL"],
    ["s", "IS_DOMAIN_INTRODUCED", "1.", "F."],
  ]),
  scenario("vector 19: GET_FEATURE", [
    ["s", "GET_FEATURE", "", "14."],
    ["s", "GET_FEATURE", "0.", "14."],
    ["s", "GET_FEATURE", "5.", "ENOENT"],
    ["s", "GET_FEATURE", ".", "14."],
  ]),
  scenario("vector 20: SET_FEATURE", [
    { domain: 1, change: "create" },
    ["s", "SET_FEATURE", "0.1.", "EBUSY"],
    ["s", "SET_FEATURE", "5.1.", "ENOENT"],
    ["s", "SET_FEATURE", "5.", "EINVAL"],
    ["s", "SET_FEATURE", "1.2.", "OK"],
    ["s", "SET_FEATURE", "1.16.", "EINVAL"],
    ["s", "GET_FEATURE", "1.", "2."],
  ]),
  scenario("vector 21: GET_QUOTA", [
    ["s", "GET_QUOTA", "nodes.", "1000."],
    ["s", "GET_QUOTA", "0.nodes.", "1000."],
    ["s", "GET_QUOTA", "7.nodes.", "ENOENT"],
    ["s", "GET_QUOTA", "bogus.", "EINVAL"],
    ["s", "GET_QUOTA", "soft-memory.", "2097152."],
    ["s", "GET_QUOTA", "soft-nodes.", "EINVAL"],
  ]),
  scenario("vector 22: a global quota does not reach known domains", [
    ["s", "SET_QUOTA", "nodes.500.", "OK"],
    ["s", "GET_QUOTA", "0.nodes.", "1000."],
    ["s", "GET_QUOTA", "nodes.", "500."],
  ]),
  scenario("vector 23: WATCH is answered, then fires", [
    ["s", "WATCH", "/w.tok.", "OK", { events: { s: ["/w.tok."] } }],
  ]),
  scenario("vector 24: watches that can't be set", [
    ["s", "WATCH", "/w.tok.", "OK", { events: { s: ["/w.tok."] } }],
    ["s", "WATCH", "/w.tok.", "EEXIST"],
    ["s", "WATCH", "/w.t.-1.", "EINVAL"],
    ["s", "WATCH", "/w.", "EINVAL"],
    ["s", "WATCH", "/w.t.1.x.", "EINVAL"],
    ["s", "WATCH", "w//.t.", "EINVAL"],
    ["s", "WATCH", "@foo bar.t.", "EINVAL"],
    ["s", "WATCH", "@foo.t.", "OK", { events: { s: ["@foo.t."] } }],
  ]),
  scenario("vector 25: UNWATCH", [
    ["s", "WATCH", "/w.tok.", "OK", { events: { s: ["/w.tok."] } }],
    ["s", "UNWATCH", "/w.bad.", "ENOENT"],
    ["s", "UNWATCH", "/w.tok.x.", "EINVAL"],
    ["s", "UNWATCH", "/w.tok.", "OK"],
    ["s", "WRITE", "/w.v", "OK"],
  ]),
  scenario("vector 44: DIRECTORY_PART of short lists", [
    ["s", "DIRECTORY_PART", "/.0.", /^[0-9]+\.tool\.\.$/],
    ["s", "DIRECTORY_PART", "/.5.", /^[0-9]+\.\.$/],
    ["s", "DIRECTORY_PART", "/.99.", /^[0-9]+\.\.$/],
    ["s", "DIRECTORY_PART", "/tool/xenstored.0.", /^[0-9]+\.\.$/],
  ]),
  scenario("vector 45: DIRECTORY_PART of a list over 4096 bytes", [
    ...times(CHILDREN, (i) => ["s", "WRITE", `/big/${childName(i)}.`, "OK"]),
    ["s", "DIRECTORY", "/big.", "E2BIG"],
    { code: readInSlices },
  ]),
  scenario("vector 49: siblings made inside and outside a transaction", [
    ["s", "MKDIR", "/t.", "OK"],
    ["s", "TRANSACTION_START", ".", "1."],
    ["s", "WRITE", "/t/n1.", "OK", { tx: 1 }],
    ["s", "WRITE", "/t/n2.", "OK"],
    ["s", "TRANSACTION_END", "T.", "OK", { tx: 1 }],
    ["s", "DIRECTORY", "/t.", "n2.n1."],
  ]),
  scenario("vector 50: a read does not conflict with a sibling's change", [
    ["s", "WRITE", "/t/a.1", "OK"],
    ["s", "WRITE", "/t/b.1", "OK"],
    ["s", "TRANSACTION_START", ".", "1."],
    ["s", "READ", "/t/a.", "1", { tx: 1 }],
    ["s", "WRITE", "/t/b.2", "OK"],
    ["s", "TRANSACTION_END", "T.", "OK", { tx: 1 }],
  ]),
  scenario("vector 51: a write before the first access is seen", [
    ["s", "WRITE", "/t/a.p", "OK"],
    ["s", "TRANSACTION_START", ".", "1."],
    ["s", "WRITE", "/t/a.q", "OK"],
    ["s", "READ", "/t/a.", "q", { tx: 1 }],
    ["s", "TRANSACTION_END", "T.", "OK", { tx: 1 }],
  ]),
  scenario("vector 52: a commit's events come in order of first access, once a path", [
    ["s", "MKDIR", "/t/d.", "OK"],
    ["s", "MKDIR", "/t/e.", "OK"],
    ["s", "WATCH", "/t.w.", "OK", { events: { s: ["/t.w."] } }],
    ["s", "TRANSACTION_START", ".", "1."],
    ["s", "WRITE", "/t/a.1", "OK", { tx: 1 }],
    ["s", "RM", "/t/d.", "OK", { tx: 1 }],
    ["s", "SET_PERMS", "/t/e.r0.", "OK", { tx: 1 }],
    ["s", "MKDIR", "/t/g/h.", "OK", { tx: 1 }],
    ["s", "WRITE", "/t/a.2", "OK", { tx: 1 }],
    ["s", "TRANSACTION_END", "T.", "OK", {
      tx: 1,
      events: { s: ["/t/a.w.", "/t/d.w.", "/t/e.w.", "/t/g/h.w."] },
    }],
    ["s", "DIRECTORY", "/t.", "e.a.g."],
    ["s", "READ", "/t/a.", "2"],
  ]),
  scenario("vector 53: removed and written again in a transaction", [
    ["s", "WRITE", "/t/c.old", "OK"],
    ["s", "WATCH", "/t.w.", "OK", { events: { s: ["/t.w."] } }],
    ["s", "TRANSACTION_START", ".", "1."],
    ["s", "RM", "/t/c.", "OK", { tx: 1 }],
    ["s", "WRITE", "/t/c.new", "OK", { tx: 1 }],
    ["s", "TRANSACTION_END", "T.", "OK", { tx: 1, events: { s: ["/t/c.w."] } }],
    ["s", "READ", "/t/c.", "new"],
  ]),
  scenario("vector 54: RESET_WATCHES ends the transaction it names", [
    ["s", "TRANSACTION_START", ".", "1."],
    ["s", "RESET_WATCHES", ".", "OK", { tx: 1 }],
    ["s", "READ", "/tool.", "ENOENT", { tx: 1 }],
  ]),
];
