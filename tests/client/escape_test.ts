import { assertEquals, assertMatch } from "@std/assert";
import { fromByteText, toByteText } from "../../lib/client/operations.ts";
import { escapeValue, showValue, unescapeValue } from "../../lib/wire/stock_escape.ts";

const shown: [value: string, text: string][] = [
  ["", ""],
  ["plain ~ text", "plain ~ text"],
  ["\\", "\\\\"],
  ["\t\n\r", "\\t\\n\\r"],
  ["\0\x01\x07", "\\000\\001\\007"],
  ["\b\v\f\x0e\x1f", "\\x08\\x0b\\x0c\\x0e\\x1f"],
  ["\x7f\x80\xff", "\\x7f\\x80\\xff"],
  ['"quoted"', '"quoted"'],
  ["\x001", "\\0001"],
];

Deno.test("values are shown as the stock tools show them", () => {
  for (const [value, text] of shown) assertEquals(escapeValue(value), text);
});

const read: [text: string, value: string][] = [
  ["plain", "plain"],
  ["\\t\\n\\r\\\\", "\t\n\r\\"],
  ["\\101\\1018\\18\\7", "AA8\x018\x07"],
  ["\\400\\777", "\0\xff"],
  ["\\x41\\x414\\x4g\\xFf", "AA4\x04g\xff"],
  ["\\x", "x"],
  ["\\xg", "xg"],
  ["\\x 1\\x\t\n12", "\x01\x12"],
  ["\\x+1\\x-1\\x+g", "\x01\xffx+g"],
  ["\\x0x1\\x0", "\x001\0"],
  ['\\q\\"\\8', 'q"8'],
  ["end\\", "end\0"],
];

Deno.test("escapes are read as xenstore-write reads them", () => {
  for (const [text, value] of read) assertEquals(unescapeValue(text), value, text);
});

Deno.test("what is shown reads back as it was, for every pair of bytes", () => {
  for (let first = 0; first < 256; first++) {
    for (let second = 0; second < 256; second++) {
      const value = String.fromCharCode(first, second);
      assertEquals(unescapeValue(escapeValue(value)), value);
    }
  }
});

Deno.test("for people, UTF-8 is shown as it is, and nothing that cannot be seen", () => {
  const cases: [text: string, shown: string][] = [
    ["plain", "plain"],
    ["gr\u00fc\u00df \u65e5\u672c \u{1f600}", "gr\u00fc\u00df \u65e5\u672c \u{1f600}"],
    ["a\\b", "a\\\\b"],
    ["\t\n\r\0\x1b[31m\x7f", "\\t\\n\\r\\000\\x1b[31m\\x7f"],
    ["\u009b31m", "\\xc2\\x9b31m"],
    ["\u202eevil\u200b", "\\xe2\\x80\\xaeevil\\xe2\\x80\\x8b"],
    ["\ufeff", "\\xef\\xbb\\xbf"],
  ];
  for (const [text, shown] of cases) {
    assertEquals(fromByteText(showValue(toByteText(text))), shown);
    assertEquals(unescapeValue(showValue(toByteText(text))), toByteText(text), shown);
  }
  for (const bytes of ["\xff", "\xc3", "\xed\xa0\x80", "\xc0\xaf", "a\x80b"]) {
    assertMatch(showValue(bytes), /^[\x20-\x7e]+$/);
    assertEquals(unescapeValue(showValue(bytes)), bytes);
  }
});
