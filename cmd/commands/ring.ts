import { buildCommand, type XsCommand } from "../command.ts";
import { commonFlags, lazy, withDaemon } from "../context.ts";
import { switchFlag, valueFlag } from "../flags.ts";
import { domidParameter, parseDurationOption } from "../parameters.ts";
import type { RingFlags } from "../ring/run.ts";

/** `xs ring`. */
export const ringCommand: XsCommand = buildCommand<RingFlags, [domid: number]>({
  func: withDaemon(lazy(async () => (await import("../ring/run.ts")).ring)),
  parameters: {
    flags: {
      ...commonFlags,
      data: switchFlag("Print also what the messages hold, hidden values too"),
      for: valueFlag(
        "DURATION",
        "Look for changes for DURATION; 0 looks once (default 1s)",
        parseDurationOption,
      ),
    },
    positional: domidParameter,
  },
  docs: {
    name: "ring",
    group: "debug",
    brief: "show a domain's ring",
    description: [
      "Shows the ring page between a domain and the daemon: indices, features, error word, the messages in both directions, which side waits for the other, and bytes that are not a valid message. It changes nothing.",
      "Only headers are printed, since messages may hold hidden values.",
    ],
    examples: [
      ["xs ring 7", "find out why domain 7 gets no answer"],
      ["xs ring --data 7", "see also what the messages hold"],
    ],
  },
});
