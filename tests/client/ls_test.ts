import { assertEquals } from "@std/assert";
import { lsLine, type LsOptions, type WalkedNode } from "../../lib/client/tools/ls.ts";
import { toBytes } from "../../lib/wire/text.ts";

interface Case {
  readonly name: string;
  readonly depth?: number;
  readonly value: string | null;
  readonly perms?: readonly string[];
  readonly options?: Partial<LsOptions>;
  readonly line: string;
}

const cases: Case[] = [
  { name: "a", value: "1", line: 'a = "1"' },
  { name: "a", depth: 3, value: "", line: '   a = ""' },
  { name: "a", value: null, line: "a:" },
  { name: "a", value: "\0\xff", line: 'a = "\\000\\xff"' },
  // Exactly as wide as it may be, then one more: the value is cut, with room for the tag.
  { name: "a", value: "v".repeat(71), line: `a = "${"v".repeat(71)}"` },
  { name: "a", value: "v".repeat(72), line: `a = "${"v".repeat(71)}\\..."` },
  { name: "a", depth: 2, value: "v".repeat(70), line: `  a = "${"v".repeat(69)}\\..."` },
  // Escapes make a value longer than what is counted.
  { name: "a", value: "\n".repeat(71), line: `a = "${"\\n".repeat(71)}"` },
  { name: "a", value: "\n".repeat(72), line: `a = "${"\\n".repeat(35)}\\\\..."` },
  { name: "n".repeat(90), value: "x", line: `${"n".repeat(72)} = "\\..."` },
  { name: "a", value: "v".repeat(100), options: { flat: true }, line: `/a = "${"v".repeat(100)}"` },
  { name: "a", value: "", perms: ["n0", "r5"], options: { flat: true }, line: '/a = ""   (n0,r5)' },
  {
    name: "a",
    value: "",
    perms: ["n0"],
    line: 'a = "" . . . . . . . . . . . . . . . . . . . . . . . . . . .  (n0)',
  },
  {
    name: "a",
    value: "1",
    perms: ["n0"],
    line: 'a = "1"  . . . . . . . . . . . . . . . . . . . . . . . . . .  (n0)',
  },
  {
    name: "a",
    value: "v".repeat(60),
    perms: ["n0"],
    line: `a = "${"v".repeat(60)}"   (n0)`,
  },
  {
    name: "a",
    value: "v".repeat(99),
    perms: ["n0"],
    line: `a = "${"v".repeat(71)}\\..."  (n0)`,
  },
  { name: "a", value: "vvv", options: { columns: 13 }, line: 'a = "vv\\..."' },
  { name: "long", value: "v", options: { columns: 5 }, line: 'long = "v\\..."' },
];

Deno.test("ls lays out its lines as the stock tool does", () => {
  for (const { name, depth, value, perms, options, line } of cases) {
    const node: WalkedNode = {
      path: `/${name}`,
      name,
      depth: depth ?? 0,
      value: value === null ? null : toBytes(value),
      perms: perms ?? null,
    };
    const all = { flat: false, perms: perms !== undefined, columns: null, ...options };
    assertEquals(lsLine(node, all), line);
  }
});

Deno.test("for people, ls shows UTF-8 and cuts it between characters", () => {
  const value = new TextEncoder().encode("\u00fc\u{1f600}\u202e".repeat(20));
  const node: WalkedNode = { path: "/a/n", name: "n", depth: 0, value, perms: null };
  const flat = { flat: true, perms: false, columns: null, isText: true };
  assertEquals(lsLine(node, flat), `/a/n = "${"\u00fc\u{1f600}\\xe2\\x80\\xae".repeat(20)}"`);
  for (let columns = 20; columns < 60; columns++) {
    const line = lsLine(node, { ...flat, flat: false, columns });
    assertEquals(line.isWellFormed(), true, line);
    assertEquals(line.endsWith('\\..."'), true, line);
    assertEquals(line.length <= columns, true, line);
  }
});
