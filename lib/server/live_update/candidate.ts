import { CANDIDATE_BYTES_MAX, CANDIDATE_PIECE_BYTES } from "../../limits.ts";

/**
 * What an `xs` has in its file that can be tried out: the words with which it answers a trial. A
 * compiled one carries its source, so that this very text is in it. A script that starts an `xs`
 * says so by having the words in a comment.
 */
export const XS_MARK = "xs-live-update-trial-1";

/** Texts of C xenstored: of every one that updates live, and of those that know versions. */
const C_MARK = "live-update: read state";
const C_VERSION_MARK = "Migration stream version not supported.";

/**
 * What kind of daemon a file is. Nothing is run to find that out: a C xenstored that is run begins
 * to serve, and a program that is neither may do anything.
 */
export type Candidate =
  | {
    readonly kind: "xs";
    /** It is no script: what it starts is itself. */
    readonly isBinary: boolean;
  }
  | {
    readonly kind: "c";
    /** The latest version of the migration stream that it reads. */
    readonly version: 1 | 2;
  }
  | { readonly kind: "unknown" };

/** The program that runs us, also where an upgrade has deleted its file (proc(5)). */
export const OWN_PROGRAM = "/proc/self/exe";

/**
 * Looks at a file piece by piece; others go on meanwhile. The runtime that runs us counts as `xs`,
 * as it does when we are run from source.
 *
 * @throws {Error} when it cannot be read.
 */
export async function inspect(path: string): Promise<Candidate> {
  using file = await Deno.open(path);
  const info = await file.stat();
  const own = await Deno.stat(OWN_PROGRAM);
  const isBinary = await readText(file, 0, ELF.length) === ELF;
  if (info.ino === own.ino && info.dev === own.dev) return { kind: "xs", isBinary };
  if (info.size > CANDIDATE_BYTES_MAX) return { kind: "unknown" };
  const found = new Set<string>();
  // What was compiled in is at the end.
  for (let end = info.size; end > 0 && !found.has(XS_MARK); end -= CANDIDATE_PIECE_BYTES) {
    const from = Math.max(0, end - CANDIDATE_PIECE_BYTES);
    const text = await readText(file, from, Math.min(info.size, end + OVERLAP) - from);
    for (const mark of [XS_MARK, C_MARK, C_VERSION_MARK]) if (text.includes(mark)) found.add(mark);
  }
  if (found.has(XS_MARK)) return { kind: "xs", isBinary };
  if (found.has(C_MARK)) return { kind: "c", version: found.has(C_VERSION_MARK) ? 2 : 1 };
  return { kind: "unknown" };
}

/** What an executable begins with (elf(5)). */
const ELF = "\x7fELF";

/** A mark may begin in one piece and end in the next. */
const OVERLAP = 64;

async function readText(file: Deno.FsFile, from: number, length: number): Promise<string> {
  const bytes = new Uint8Array(length);
  await file.seek(from, Deno.SeekMode.Start);
  let count = 0;
  while (count < length) {
    const got = await file.read(bytes.subarray(count));
    if (got === null) break;
    count += got;
  }
  return new TextDecoder("latin1").decode(bytes.subarray(0, count));
}
