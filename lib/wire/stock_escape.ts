import { escapeUnseen } from "./escape.ts";

/**
 * Values as the stock tools show and read them. Both sides are byte strings (one character a
 * byte): what is shown is pure ASCII, what is read back may be any bytes.
 */

const named: Readonly<Record<string, string>> = { "\t": "\\t", "\n": "\\n", "\r": "\\r" };

function escapeByte(char: string): string {
  const known = named[char];
  if (known !== undefined) return known;
  if (char === "\\") return "\\\\";
  const code = char.charCodeAt(0);
  // Octal only below 8, hexadecimal above: the tools' choice, so that scripts read both the same.
  return code < 8
    ? `\\${code.toString(8).padStart(3, "0")}`
    : `\\x${code.toString(16).padStart(2, "0")}`;
}

/** A value for display, as `xenstore-read` and `xenstore-ls` print it. */
export function escapeValue(value: string): string {
  return value.replace(/[^\x20-\x5b\x5d-\x7e]/g, escapeByte);
}

/**
 * A value for a person's display, as `xs read` prints it: what can be seen of its UTF-8 is as it is,
 * all other bytes are escaped as by {@link escapeValue}. {@link unescapeValue} reads both.
 */
export function showValue(value: string): string {
  const escape = (bytes: string): string => bytes.replace(/[^]/g, escapeByte);
  return escapeUnseen(value.replaceAll("\\", "\\\\"), escape);
}

/**
 * The number after `\x`, read as C's `scanf("%2x")` does: blanks are skipped, and a sign or `0x`
 * counts among the two characters.
 */
function readHex(text: string): [value: number, length: number] | null {
  const blanks = /^[ \t-\r]*/.exec(text)![0].length;
  const two = text.slice(blanks, blanks + 2);
  const match = /^(?:0[xX]|[0-9a-fA-F]{1,2}|[+-][0-9a-fA-F])/.exec(two);
  if (match === null) return null;
  const digits = match[0];
  const value = /^0[xX]$/.test(digits) ? 0 : Number.parseInt(digits, 16);
  return [value & 0xff, blanks + digits.length];
}

const letters: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", "\\": "\\" };

/** What the escape behind a backslash stands for, and how many characters it has. */
function readEscape(text: string): [bytes: string, length: number] {
  const letter = text[0];
  if (letter === undefined) return ["\0", 0];
  const known = letters[letter];
  if (known !== undefined) return [known, 1];
  const octal = /^[0-7]{1,3}/.exec(text);
  if (octal !== null) {
    return [String.fromCharCode(Number.parseInt(octal[0], 8) & 0xff), octal[0].length];
  }
  const hex = letter === "x" ? readHex(text.slice(1)) : null;
  if (hex !== null) return [String.fromCharCode(hex[0]), 1 + hex[1]];
  return [letter, 1];
}

/**
 * The value that `xenstore-write` stores for an argument: `\t \n \r \\`, `\x` and one or two
 * hexadecimal digits, `\` and up to three octal ones. An unknown escape stands for its character,
 * a backslash at the end for a NUL.
 */
export function unescapeValue(text: string): string {
  let value = "";
  for (let at = 0;;) {
    const next = text.indexOf("\\", at);
    if (next < 0) return value + text.slice(at);
    const [bytes, length] = readEscape(text.slice(next + 1));
    value += text.slice(at, next) + bytes;
    at = next + 1 + length;
  }
}
