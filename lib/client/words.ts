import { unescapeValue } from "../wire/stock_escape.ts";

/** A word of a command line or expression. */
export interface Word {
  readonly text: string;
  /** Whether any part of it was in quotes: then it is never a keyword or an operator. */
  readonly quoted: boolean;
  /** Where it begins, in characters from 0. */
  readonly at: number;
}

/** A text that cannot be read; the message says where. */
export class WordError extends Error {
  override readonly name = "WordError";

  constructor(message: string, readonly at: number) {
    super(`${message} at column ${at + 1}`);
  }
}

const patterns = {
  blank: /[ \t\r\n]*/y,
  // Within double quotes, the escapes of xenstore-write; within single ones, nothing.
  double: /"((?:[^"\\]|\\[^])*)"/y,
  single: /'([^']*)'/y,
} as const;

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/**
 * Splits a text into words at blanks, with `"..."` (escapes as in values: `\n`, `\"`, `\x00`) and
 * `'...'` (taken as it is) quoting, and with `operators` as words of their own wherever they stand
 * outside quotes.
 *
 * @throws {WordError} when a quote is left open.
 */
export function splitWords(text: string, operators: readonly string[] = []): Word[] {
  const words: Word[] = [];
  for (let at = matchAt(patterns.blank, text, 0)![0].length; at < text.length;) {
    const operator = operators.find((operator) => text.startsWith(operator, at));
    const word = operator === undefined
      ? readWord(text, at, operators)
      : { text: operator, quoted: false, at, end: at + operator.length };
    words.push({ text: word.text, quoted: word.quoted, at });
    at = word.end;
    at += matchAt(patterns.blank, text, at)![0].length;
  }
  return words;
}

function readWord(
  text: string,
  from: number,
  operators: readonly string[],
): { text: string; quoted: boolean; end: number } {
  let word = "";
  let quoted = false;
  let at = from;
  while (at < text.length && !/[ \t\r\n]/.test(text[at]!)) {
    if (operators.some((operator) => text.startsWith(operator, at))) break;
    const char = text[at]!;
    if (char !== '"' && char !== "'") {
      word += char;
      at++;
      continue;
    }
    const match = matchAt(char === '"' ? patterns.double : patterns.single, text, at);
    if (match === null) throw new WordError(`the quote ${char} is not closed`, at);
    word += char === '"' ? unescapeValue(match[1]!) : match[1]!;
    quoted = true;
    at += match[0].length;
  }
  return { text: word, quoted, end: at };
}
