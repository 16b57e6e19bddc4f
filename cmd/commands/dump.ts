import { buildCommand, type Command } from "@stricli/core";
import { commonFlags, type XsContext } from "../context.ts";
import type { DumpFlags } from "../archive/dump.ts";
import { domidFlag, sourceParameter, SOURCES } from "../archive/parameters.ts";

async function dump(this: XsContext, flags: DumpFlags, source?: string): Promise<void> {
  // Loaded here: other clients need none of it.
  const { runDump } = await import("../archive/dump.ts");
  this.process.exitCode = await runDump(this, flags, source);
}

/** `xs dump`. */
export const dumpCommand: Command<XsContext> = buildCommand<DumpFlags, [string?], XsContext>({
  func: dump,
  parameters: {
    flags: {
      ...commonFlags,
      json: { ...commonFlags.json, brief: "The same as --format json; errors, too" },
      output: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "file",
        brief: "Write to this file, all of it or nothing [standard output]",
      },
      domain: domidFlag,
      format: {
        kind: "enum",
        values: ["stream", "json", "text", "oxenstored-binary"],
        default: "stream",
        brief: "Xen's migration stream; JSON lines; for people; oxenstored's binary of 2021",
      },
      endian: {
        kind: "enum",
        values: ["little", "big"],
        default: "little",
        brief: "Byte order of a stream",
      },
      version: {
        kind: "enum",
        values: ["1", "2"],
        default: "2",
        brief: "Version of a stream; Xen before 4.21 reads 1",
      },
    },
    positional: { kind: "tuple", parameters: [{ ...sourceParameter, optional: true }] },
    aliases: { o: "output" },
  },
  docs: {
    brief: "Write the whole store to a file, at one moment",
    fullDescription:
      `Writes the whole store as it is at one moment. The default source is \`live\`.\n${SOURCES}`,
  },
});
