import { each, guest, raw, type Row, type Scenario, scenario } from "../table.ts";

const transaction: Row = ["s", "TRANSACTION_START", ".", "1."];
/** Types whose argument is one string; all refuse anything else alike. */
const ONE_STRING = [
  "READ",
  "DIRECTORY",
  "GET_PERMS",
  "MKDIR",
  "RM",
  "RELEASE",
  "RESUME",
  "IS_DOMAIN_INTRODUCED",
  "GET_DOMAIN_PATH",
] as const;
/** Requests on nodes that may not be used on specials. */
const ORDINARY = ["READ", "DIRECTORY", "MKDIR", "RM", "WRITE"] as const;

/** Reference sections 1.3 to 1.7: types, order of checks, arguments, paths. */
export const requests: readonly Scenario[] = [
  scenario("types without a handler", [
    ...[15, 16, 20, 27, 28, 65535, 0x7fffffff, 0xffffffff].map((type) =>
      ["s", type, "/tool.", "ENOSYS"] as const
    ),
    ["s", 20, "/tool.", "ENOSYS", { tx: 99 }],
  ]),
  scenario("every type but WATCH and UNWATCH looks for its transaction first", [
    ["s", "RESET_WATCHES", ".", "ENOENT", { tx: 9 }],
    ["s", "GET_DOMAIN_PATH", "1.", "ENOENT", { tx: 9 }],
    ["s", "GET_FEATURE", "", "ENOENT", { tx: 9 }],
    ["s", "TRANSACTION_START", ".", "ENOENT", { tx: 9 }],
    ["s", "TRANSACTION_END", "X.", "ENOENT", { tx: 9 }],
    ["s", "CONTROL", "help.", "ENOENT", { tx: 9 }],
    ["s", "INTRODUCE", "", "ENOENT", { tx: 9 }],
    ["s", "WATCH", "/a.t.", "OK", { tx: 9, events: { s: ["/a.t."] } }],
    ["s", "UNWATCH", "/a.t.", "OK", { tx: 9 }],
  ]),
  scenario("a transaction belongs to its connection", [
    transaction,
    ["s2", "READ", "/tool.", "ENOENT", { tx: 1 }],
    ["s2", "TRANSACTION_END", "T.", "ENOENT", { tx: 1 }],
    ["s2", "TRANSACTION_START", ".", "1."],
    ["s", "TRANSACTION_END", "F.", "OK", { tx: 1 }],
    ["s2", "TRANSACTION_END", "F.", "OK", { tx: 1 }],
  ]),
  scenario("one string with its NUL at the end, or EINVAL", [
    ...ONE_STRING.flatMap((type) => each("s", type, ["", "1", "1.1.", "1..", "1.1"], "EINVAL")),
  ]),
  scenario("DIRECTORY_PART and UNWATCH take exactly two strings", [
    ...each("s", "DIRECTORY_PART", ["", "/.", "/.0", "/.0.0."], "EINVAL"),
    ...each("s", "UNWATCH", ["", "/.", "/.t.t."], "EINVAL"),
  ]),
  scenario("WRITE takes a path with its NUL, then any bytes", [
    ...each("s", "WRITE", ["", "/a", "."], "EINVAL"),
    ["s", "WRITE", "/a.", "OK"],
    ["s", "READ", "/a.", ""],
    ["s", "WRITE", raw("/a\0\0\xff\0x"), "OK"],
    ["s", "READ", "/a.", ".\xff.x"],
  ]),
  scenario("a value may have all bytes that a message holds", [
    ["s", "WRITE", raw(`/a\0${"v".repeat(4093)}`), "OK"],
    ["s", "READ", "/a.", "v".repeat(4093)],
  ]),
  scenario("domids are decimal, with blanks and zeros in front", [
    ...each("s", "IS_DOMAIN_INTRODUCED", ["0.", "00000.", "  0.", "."], "T."),
    ...each("s", "IS_DOMAIN_INTRODUCED", ["0x0.", "1x.", "65536.", "-1.", "4294967296."], "EINVAL"),
    ...each("s", "RELEASE", ["x.", "65536.", "-1."], "EINVAL"),
  ]),
  scenario("bytes allowed in a path", [
    ["s", "WRITE", "/abcXYZ019-/_@x.v", "OK"],
    ["s", "READ", "/abcXYZ019-/_@x.", "v"],
    ["s", "MKDIR", "/@.", "OK"],
    ["s", "DIRECTORY", "/.", "tool.abcXYZ019-.@."],
    ...each("s", "READ", [raw("/a.b\0"), "/a b.", "/a:b.", "/\xe4.", "/a\n.", "/a+b."], "EINVAL"),
  ]),
  scenario("slashes neither doubled nor at the end", [
    ...each("s", "READ", ["//.", "/a/.", "/a//b.", "a/.", ".", "tool/."], "EINVAL"),
    ...each("s", "WATCH", ["//.t.", "/a/.t.", "/a//b.t.", "a/.t.", ".t."], "EINVAL"),
  ]),
  scenario("specials only where permissions and watches are meant", [
    ...ORDINARY.map((type) => ["s", type, "@releaseDomain.", "EINVAL"] as const),
    ["s", "DIRECTORY_PART", "@releaseDomain.0.", "EINVAL"],
    ["s", "GET_PERMS", "@releaseDomain.", "n0.r32757."],
    ["s", "UNWATCH", "@releaseDomain.t.", "ENOENT"],
  ]),
  scenario("permissions of a special that does not exist", [
    ["s", "GET_PERMS", "@foo.", "ENOENT"],
    ["s", "SET_PERMS", "@foo.n0.", "ENOENT"],
  ]),
  scenario("a guest's path of 2048 bytes is allowed, one of 2049 is not (C: 2047)", [
    ...guest(1),
    ["g1", "READ", `/${"a".repeat(2047)}.`, "EACCES"],
    ["g1", "READ", `/${"a".repeat(2048)}.`, "EINVAL"],
    ["s", "READ", `/${"a".repeat(2048)}.`, "ENOENT"],
  ]),
  scenario("the part /local/domain/<domid>/ does not count (XSA-323)", [
    ...guest(1),
    ["g1", "READ", `${"a".repeat(2048)}.`, "ENOENT"],
    ["g1", "READ", `${"a".repeat(2049)}.`, "EINVAL"],
    ["g1", "READ", `/local/domain/1/${"a".repeat(2048)}.`, "ENOENT"],
    ["g1", "READ", `/local/domain/1/${"a".repeat(2049)}.`, "EINVAL"],
  ]),
  scenario("dom0's paths are bound by the message alone (specification: 3072 bytes)", [
    ["s", "WRITE", `/${"a".repeat(4094)}.`, "OK"],
    ["s", "READ", `/${"a".repeat(4094)}.`, ""],
  ]),
  scenario("relative paths stand for the caller's home (specification: not on sockets)", [
    ...guest(1),
    ["g1", "WRITE", "data/x.v", "OK"],
    ["s", "READ", "/local/domain/1/data/x.", "v"],
    ["s", "READ", "data/x.", "ENOENT"],
  ]),
  scenario("MKDIR of what exists changes nothing and tells nobody", [
    ["s", "WRITE", "/a.v", "OK"],
    ["s", "WATCH", "/a.t.", "OK", { events: { s: ["/a.t."] } }],
    ["s", "MKDIR", "/a.", "OK"],
    ["s", "READ", "/a.", "v"],
  ]),
  scenario("MKDIR needs the right to write even of what exists", [
    ...guest(1),
    ["g1", "MKDIR", "/local/domain/1.", "EACCES"],
    ["g1", "MKDIR", "data.", "OK"],
  ]),
  scenario("children are listed in the order of their creation (oxenstored: sorted)", [
    ["s", "WRITE", "/l/z.", "OK"],
    ["s", "WRITE", "/l/a.", "OK"],
    ["s", "WRITE", "/l/m.", "OK"],
    ["s", "WRITE", "/l/z.again", "OK"],
    ["s", "DIRECTORY", "/l.", "z.a.m."],
    ["s", "RM", "/l/z.", "OK"],
    ["s", "WRITE", "/l/z.", "OK"],
    ["s", "DIRECTORY", "/l.", "a.m.z."],
  ]),
  scenario("DIRECTORY_PART starts at any byte", [
    ["s", "WRITE", "/l/abc.", "OK"],
    ["s", "WRITE", "/l/def.", "OK"],
    ["s", "DIRECTORY_PART", "/l.0.", /^[0-9]+\.abc\.def\.\.$/],
    ["s", "DIRECTORY_PART", "/l.4.", /^[0-9]+\.def\.\.$/],
    ["s", "DIRECTORY_PART", "/l.2.", /^[0-9]+\.c\.def\.\.$/],
    ["s", "DIRECTORY_PART", "/l.x.", /^[0-9]+\.abc\.def\.\.$/],
    ["s", "DIRECTORY_PART", "/nope.0.", "ENOENT"],
  ]),
  scenario("RM of the root is refused behind the check of permissions", [
    ...guest(1),
    ["g1", "RM", "/.", "EACCES"],
    ["s", "RM", "/.", "EINVAL"],
  ]),
  scenario("the initial tree may be removed", [
    ["s", "RM", "/tool.", "OK"],
    ["s", "DIRECTORY", "/.", ""],
  ]),
];
