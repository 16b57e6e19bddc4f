import { fromByteText } from "../../lib/client/operations.ts";
import { buildCommand, type XsCommand } from "../command.ts";
import { commonFlags, lazy, withContext } from "../context.ts";
import { switchFlag, valueFlag } from "../flags.ts";
import { parseCount, parseDurationOption } from "../parameters.ts";
import { filterFlags, type TraceFlags } from "../trace/parameters.ts";

/** A file's name as text. */
const parseFile = fromByteText;

/** `xs trace`. */
export const traceCommand: XsCommand = buildCommand<TraceFlags, [file?: string]>({
  func: withContext(lazy(async () => (await import("../trace/run.ts")).trace)),
  parameters: {
    flags: {
      ...commonFlags,
      ...filterFlags,
      count: switchFlag("Count messages by kind, and print the sums at the end"),
      times: switchFlag("Print how long each request waited and took"),
      write: valueFlag("FILE", "Record into the new FILE instead of printing", parseFile),
      pcapng: valueFlag("FILE", "Write the recording as FILE for Wireshark", parseFile),
      number: valueFlag("COUNT", "Stop after COUNT messages", parseCount),
      for: valueFlag("DURATION", "Stop after DURATION", parseDurationOption),
    },
    aliases: { c: "count", T: "times", n: "number" },
    positional: {
      kind: "tuple",
      parameters: [{
        brief: "A recording to show",
        placeholder: "FILE",
        parse: parseFile,
        optional: true,
      }],
    },
  },
  docs: {
    name: "trace",
    group: "debug",
    brief: "show requests live",
    description: [
      "Shows requests with their replies, and events, as they pass, until Ctrl-C; or those of the recording FILE.",
      "The daemon does not wait for a reader that is too slow: the reader is told how many messages it has lost.",
      "Values that are hidden (xs serve --redact) are shown by their length.",
    ],
    examples: [
      ["xs trace --domain 5 --op write,rm", "show what domain 5 changes"],
      [
        "xs trace --path '/local/domain/*/device/vif/**' -T",
        "show who uses a path, and for how long",
      ],
      ["xs trace -c --for 10s", "count the messages of 10 s by their kinds"],
      ["xs trace --write FILE", "record; xs trace FILE --errors shows what failed"],
      ["xs trace FILE --pcapng FILE.pcapng", "convert a recording for Wireshark"],
    ],
  },
});
