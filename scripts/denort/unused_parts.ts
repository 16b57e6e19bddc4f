/**
 * Parts of the `deno` executable that a compiled program never reads, blanked in the stand-in: a file
 * full of zeros packs to almost nothing, and what is not there needs no licence and no update.
 *
 * Deno keeps them as zstd frames: TypeScript's compiler with the declarations of all libraries, which
 * only `deno check` and the language server read, and the loaders with which `deno compile` makes
 * AppImages. Each is told by what is in it.
 */
import { zstdDecompressSync } from "node:zlib";

/** RFC 8878, section 3.1.1: what a frame begins with, and the sizes of its optional fields. */
const MAGIC = [0x28, 0xb5, 0x2f, 0xfd] as const;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;
/** A block of one repeated byte has a single byte in the file, whatever its size says. */
const REPEATED_BLOCK = 1, RESERVED_BLOCK = 3;

/** What is in the parts, at their beginning or anywhere. */
const COMPILER_OR_LIBRARY = /^(?:\/\*! \*{10,}|\/\/\/ <reference |\/\/ Copyright .*\n+\/\/\/ <ref)/;
const DECLARATION =
  /^(?:declare |export |interface |type |import |\s*\/\*\*)[^]*\bdeclare (?:module|global|namespace)\b/;
const ELF = "\x7fELF";

/** Blanks the parts in place. Returns how many there were, and their bytes in the file. */
export function blankUnusedParts(executable: Uint8Array): { parts: number; bytes: number } {
  let parts = 0, bytes = 0;
  for (let at = nextFrame(executable, 0); at >= 0; at = nextFrame(executable, at + 1)) {
    const end = endOfFrame(executable, at);
    if (end === null || !isUnused(executable.subarray(at, end))) continue;
    executable.fill(0, at, end);
    parts++;
    bytes += end - at;
  }
  return { parts, bytes };
}

function nextFrame(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(MAGIC[0], from); at >= 0; at = bytes.indexOf(MAGIC[0], at + 1)) {
    if (MAGIC.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return -1;
}

/** Where a frame ends; null when there is none that could be read. */
function endOfFrame(bytes: Uint8Array, start: number): number | null {
  const descriptor = bytes[start + MAGIC.length] ?? 0;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const hasChecksum = (descriptor & 0x04) !== 0;
  const sizeField = CONTENT_SIZE_BYTES[descriptor >> 6] ?? 0;
  let at = start + MAGIC.length + 1 + (isSingleSegment ? 0 : 1);
  at += DICTIONARY_ID_BYTES[descriptor & 3] ?? 0;
  at += isSingleSegment && sizeField === 0 ? 1 : sizeField;
  while (at + 3 <= bytes.length) {
    const header = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
    const kind = (header >> 1) & 3;
    if (kind === RESERVED_BLOCK) return null;
    at += 3 + (kind === REPEATED_BLOCK ? 1 : header >> 3);
    if ((header & 1) !== 0) return at + (hasChecksum ? 4 : 0);
  }
  return null;
}

function isUnused(frame: Uint8Array): boolean {
  let content: Uint8Array;
  try {
    content = zstdDecompressSync(frame);
  } catch {
    // Four bytes that only look like a frame.
    return false;
  }
  const text = new TextDecoder("latin1").decode(content);
  return text.startsWith(ELF) || COMPILER_OR_LIBRARY.test(text) || DECLARATION.test(text);
}
