/**
 * What clients wrote, shown to people: on terminals, in logs and traces, in JSON. A guest chooses its
 * values and tokens, so a control in them could forge a line or drive a terminal, and a mark
 * that is not seen could make one text look like another.
 */

/**
 * Controls (C0, DEL, C1), format and bidirectional marks, line and paragraph separators, blanks
 * but the plain one, unpaired surrogates, tags, variation selectors, and all else that Unicode
 * says is shown by nothing (`Default_Ignorable_Code_Point`) or is no character.
 */
const UNSEEN =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000]/gu;

const PLAIN = /^[\x20-\x7e]*$/;

/**
 * Text in which everything that cannot be seen is `\uXXXX`, as in JSON: a character beyond U+FFFF
 * is two of them. Where a backslash stands for itself is not told: this is for reading, not for
 * reading back (but see {@link jsonLine}).
 */
export function escapeText(text: string): string {
  return PLAIN.test(text) ? text : text.replace(UNSEEN, unicodeEscape);
}

function unicodeEscape(mark: string): string {
  let escape = "";
  for (let i = 0; i < mark.length; i++) {
    escape += `\\u${mark.charCodeAt(i).toString(16).padStart(4, "0")}`;
  }
  return escape;
}

/** UTF-8 as RFC 3629 has it: no surrogates, nothing longer than need be; else one byte. */
const UTF8 =
  /[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x80-\xff]/g;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * A byte string (one character a byte) as text, escaped likewise. Bytes are read as UTF-8, of
 * which people see letters; one that belongs to no UTF-8 character is `\xhh`.
 */
export function escapeBytes(bytes: string): string {
  return PLAIN.test(bytes) ? bytes : escapeText(bytes.replace(UTF8, decode));
}

function decode(sequence: string): string {
  if (sequence.length === 1) return `\\x${sequence.charCodeAt(0).toString(16)}`;
  return decoder.decode(Uint8Array.from(sequence, (char) => char.charCodeAt(0)));
}

/** The same characters, one at a time, and the bytes of a text that are no UTF-8. */
const UNSEEN_CHARACTER = new RegExp(`^${UNSEEN.source}`, "u");
const PIECE = new RegExp(`[\x00-\x1f\x7f]|${UTF8.source}`, "g");

/**
 * A byte string in which all that cannot be seen, and what is no UTF-8, is as `escape` makes it of
 * its bytes; what can be seen stays.
 */
export function escapeUnseen(bytes: string, escape: (bytes: string) => string): string {
  if (PLAIN.test(bytes)) return bytes;
  return bytes.replace(PIECE, (piece) => {
    const isSeen = piece.length > 1 && !UNSEEN_CHARACTER.test(decode(piece));
    return isSeen ? piece : escape(piece);
  });
}

/** {@link escapeBytes} for text of several lines: its line breaks and tabs stay. */
export function escapeByteLines(bytes: string): string {
  return bytes.replace(/[^\n\t]+/g, escapeBytes);
}
