/** What `xs dump` does: loaded when it is called. */
import { fillWith, writeFile } from "../../lib/archive/file.ts";
import { type Format, formatArchive, isReadable } from "../../lib/archive/format.ts";
import { fromByteText } from "../../lib/client/operations.ts";
import { toText } from "../../lib/wire/text.ts";
import type { CommonFlags, XsContext } from "../context.ts";
import type { Progress } from "../progress.ts";
import { UsageError } from "../report.ts";
import { flush } from "../shell.ts";
import { withSources } from "./sources.ts";

/** The options of `xs dump`. */
export interface DumpFlags extends CommonFlags {
  readonly output?: string;
  readonly domain?: number;
  readonly at?: string;
  readonly format: "stream" | "json" | "text" | "oxenstored-binary";
  readonly endian: "little" | "big";
  readonly version: "1" | "2";
}

/** Names of standard output: a file behind one must not be replaced. */
const STDOUT_NAMES = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/** `xs dump`; returns the exit status. */
export function runDump(
  { shell }: XsContext,
  flags: DumpFlags,
  name = "live",
): Promise<number> {
  return withSources(shell, flags, async (sources) => {
    const format = flags.json === true ? "json" : flags.format;
    const how: Format = { format, version: flags.version === "1" ? 1 : 2, endian: flags.endian };
    const output = STDOUT_NAMES.includes(flags.output ?? "-") ? null : flags.output!;
    if (output === null && !isReadable(how) && shell.isTerminal("stdout")) {
      throw new UsageError(
        "a terminal cannot show bytes (name a file with -o, or take --format text)",
      );
    }
    const source = sources.parse(name, flags.at), domid = flags.domain ?? null;
    const file = output === null ? null : fromByteText(output);
    const isLive = source.kind === "live" && source.point === null && domid === null;
    if (file !== null && isLive) {
      const replaced = await sources.dumpLive(file, how);
      if (replaced === true) sources.note([`${file}: replaced`]);
      if (replaced !== null) return 0;
    }
    const archive = await sources.read(source, domid);
    const notes: string[] = [];
    const pieces = formatArchive(archive, how, (text) => notes.push(text));
    const chunks = counted(pieces, sources.progress);
    if (file !== null) {
      const fill = fillWith(chunks, file, sources.interrupt);
      if (await writeFile(file, fill, sources.interrupt)) notes.push(`${file}: replaced`);
    } else {
      for (const chunk of chunks) {
        shell.stdout.write(toText(chunk));
        flush(shell.stdout);
      }
    }
    sources.note([...archive.notes, ...notes]);
    return 0;
  });
}

function* counted(chunks: Iterable<Uint8Array>, progress: Progress): Generator<Uint8Array> {
  let bytes = 0;
  for (const chunk of chunks) {
    yield chunk;
    bytes += chunk.length;
    progress.update("writing, bytes", bytes, 0);
  }
}
