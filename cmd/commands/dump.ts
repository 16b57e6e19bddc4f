import { buildCommand, type XsCommand } from "../command.ts";
import { commonFlags, lazy, withContext } from "../context.ts";
import type { DumpFlags } from "../archive/dump.ts";
import { choiceFlag, valueFlag } from "../flags.ts";
import { pointFlag } from "../history/parameters.ts";
import { domidFlag, sourceParameter, SOURCES } from "../archive/parameters.ts";

/** `xs dump`. */
export const dumpCommand: XsCommand = buildCommand<DumpFlags, [string?]>({
  func: withContext(lazy(async () => (await import("../archive/dump.ts")).runDump)),
  parameters: {
    flags: {
      ...commonFlags,
      json: { ...commonFlags.json, brief: "The same as --format json, and print errors as JSON" },
      output: valueFlag("FILE", "Write to FILE, all of it or nothing (default standard output)"),
      at: pointFlag("Write the store as it was at POINT: -5m, 14:03, 1234 (a commit) and so on"),
      domain: domidFlag,
      format: choiceFlag(
        ["stream", "json", "text", "oxenstored-binary"],
        "stream",
        "Xen's migration stream, JSON lines, readable text, or oxenstored's binary format of 2021",
      ),
      endian: choiceFlag(["little", "big"], "little", "Byte order of a stream"),
      version: choiceFlag(["1", "2"], "2", "Version of a stream; Xen before 4.21 reads 1"),
    },
    positional: { kind: "tuple", parameters: [{ ...sourceParameter, optional: true }] },
    aliases: { o: "output" },
  },
  docs: {
    name: "dump",
    group: "back up",
    brief: "write the store to a file",
    description: [
      "Writes the whole store as it is at one moment. The default source is `live`, the running daemon.",
      "A moment of the history with hidden values is written as --format text only, so that no restore takes what stands for them.",
      ...SOURCES,
    ],
    examples: [
      ["xs dump -o store.dump", "save the running daemon's store"],
      ["xs dump --json --domain 7", "print what domain 7 has"],
      ["xs dump -o before.dump --at -5m", "save the store of five minutes ago"],
    ],
  },
});
