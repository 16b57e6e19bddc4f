import { assertEquals, assertThrows } from "@std/assert";
import { type Expression, holds, parseExpression, pathsOf } from "../../lib/client/expression.ts";
import { WordError } from "../../lib/client/words.ts";

/** An expression with every parenthesis written out. */
function show(expression: Expression): string {
  switch (expression.kind) {
    case "exists":
      return `?${expression.path}`;
    case "equals":
      return `${expression.path}=${JSON.stringify(expression.value)}`;
    case "not":
      return `!${show(expression.operand)}`;
    default: {
      const sign = expression.kind === "and" ? "&" : "|";
      return `(${show(expression.left)}${sign}${show(expression.right)})`;
    }
  }
}

const readings: [text: string, shown: string][] = [
  ["/a", "?/a"],
  ["exists /a", "?/a"],
  ["  a/b  ", "?a/b"],
  ["/a = 1", '/a="1"'],
  ["/a=1", '/a="1"'],
  ["/a != 1", '!/a="1"'],
  ["/a!=1", '!/a="1"'],
  ["not /a", "!?/a"],
  ["not not exists /a", "!!?/a"],
  ["/a and /b or /c and /d", "((?/a&?/b)|(?/c&?/d))"],
  ["/a or /b or /c", "((?/a|?/b)|?/c)"],
  ["/a and (/b or /c)", "(?/a&(?/b|?/c))"],
  ["(/a=1)and(not /b)", '(/a="1"&!?/b)'],
  ["not /a = 1 and /b", '(!/a="1"&?/b)'],
  ["not (/a and /b)", "!(?/a&?/b)"],
  ["/a = and", '/a="and"'],
  ["/a = not", '/a="not"'],
  ['/a = ""', '/a=""'],
  ['/a = "x y\\n\\"\\x00"', '/a="x y\\n\\"\\u0000"'],
  ["/a = 'x \\n'", '/a="x \\\\n"'],
  ["/a = x' y'\"z\"", '/a="x yz"'],
  ['"and" and "/a=b"', "(?and&?/a=b)"],
  ["'exists' = '='", 'exists="="'],
];

Deno.test("expressions bind as they should", () => {
  for (const [text, shown] of readings) assertEquals(show(parseExpression(text)), shown, text);
});

const mistakes: [text: string, message: string][] = [
  ["", "a path is missing at column 1"],
  ["/a =", "a value is missing at column 5"],
  ["/a and", "a path is missing at column 7"],
  ["and /a", "expected a path, found 'and' at column 1"],
  ["exists not", "expected a path, found 'not' at column 8"],
  ["/a /b", "expected 'and', 'or' or the end, found '/b' at column 4"],
  ["(/a", "')' is missing at column 4"],
  ["/a)", "expected 'and', 'or' or the end, found ')' at column 3"],
  ["/a = (", "expected a value, found '(' at column 6"],
  ["/a == 1", "expected a value, found '=' at column 5"],
  ["= 1", "expected a path, found '=' at column 1"],
  ['/a = "x', 'the quote " is not closed at column 6'],
  ["'", "the quote ' is not closed at column 1"],
  [`${"(".repeat(5000)}/a`, "expected at most 200 levels of nesting, found '('"],
  [`${"not ".repeat(5000)}/a`, "expected at most 200 levels of nesting, found 'not'"],
];

Deno.test("a mistake is told with its place", () => {
  for (const [text, message] of mistakes) {
    assertThrows(() => parseExpression(text), WordError, message);
  }
});

const values = new Map([["/one", "1"], ["/empty", ""]]);
const verdicts: [text: string, holds: boolean][] = [
  ["/one", true],
  ["/none", false],
  ["not /none", true],
  ["/one = 1", true],
  ["/one = 2", false],
  ["/one != 1", false],
  ["/one != 2", true],
  ["/none = ''", false],
  ["/none != 1", true],
  ["/empty = ''", true],
  ["/one and /none", false],
  ["/one or /none", true],
  ["/none or not /one = 2", true],
  ["not (/one or /none)", false],
];

Deno.test("expressions hold or not", () => {
  for (const [text, expected] of verdicts) {
    assertEquals(holds(parseExpression(text), values), expected, text);
  }
});

Deno.test("an expression's paths are each named once", () => {
  const expression = parseExpression("/a and not (/b = 1 or /a != 2)");
  assertEquals([...pathsOf(expression)], ["/a", "/b"]);
});
