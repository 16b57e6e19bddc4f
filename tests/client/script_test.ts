import { assertEquals, assertThrows } from "@std/assert";
import { type Operation, parseScript, ScriptError } from "../../lib/client/script.ts";

const readings: [line: string, step: Operation][] = [
  ["read /a", { kind: "read", path: "/a" }],
  ["  rm\t/a  \r", { kind: "rm", path: "/a" }],
  ["list /", { kind: "list", path: "/" }],
  ["exists /a", { kind: "exists", path: "/a" }],
  ["mkdir 'a b'", { kind: "mkdir", path: "a b" }],
  ["write /a 1", { kind: "write", path: "/a", value: "1" }],
  ['write /a ""', { kind: "write", path: "/a", value: "" }],
  ['write /a "x y\\n\\xff"', { kind: "write", path: "/a", value: "x y\n\xff" }],
  ["write /a '\\n\"'", { kind: "write", path: "/a", value: '\\n"' }],
  ["write /a #1", { kind: "write", path: "/a", value: "#1" }],
  ["chmod /a (n0,r5)", { kind: "chmod", path: "/a", perms: ["n0", "r5"] }],
  ["chmod /a n0 r5,b7", { kind: "chmod", path: "/a", perms: ["n0", "r5", "b7"] }],
  ["chmod /a n0 r5", { kind: "chmod", path: "/a", perms: ["n0", "r5"] }],
  ["check /a = 1", {
    kind: "check",
    text: "/a = 1",
    expression: { kind: "equals", path: "/a", value: "1" },
  }],
];

Deno.test("a script's lines are read", () => {
  for (const [line, step] of readings) {
    assertEquals(parseScript(line), [{ ...step, line: 1 }], line);
  }
});

Deno.test("comments and empty lines are passed over", () => {
  assertEquals(parseScript("\n# one\n  # two\n \t\nread /a\n\n"), [
    { kind: "read", path: "/a", line: 5 },
  ]);
  assertEquals(parseScript(""), []);
});

const mistakes: [script: string, message: string][] = [
  ["\nfrob /a", "line 2: unknown operation 'frob' (it is one of "],
  ["toString /a", "line 1: unknown operation 'toString' (it is one of "],
  ["read", "line 1: wrong arguments (it is written read PATH"],
  ["read /a /b", "line 1: wrong arguments (it is written read PATH"],
  ["write /a", "line 1: wrong arguments (it is written write PATH VALUE"],
  ["write /a b c", "line 1: wrong arguments (it is written write PATH VALUE"],
  ["chmod /a", "line 1: wrong arguments (it is written chmod PATH PERM..."],
  ["chmod /a q1", "line 1: wrong arguments (it is written chmod PATH PERM..."],
  ["read /a\nwrite /a 'b", "line 2: the quote ' is not closed at column 10"],
  ["check", "line 1: wrong arguments (it is written check EXPR"],
  ["check /a =", "line 1: a value is missing at column 5"],
];

Deno.test("a mistake in a script is told with its line", () => {
  for (const [script, message] of mistakes) {
    assertThrows(() => parseScript(script), ScriptError, message);
  }
});
