import { buildCommand, type XsCommand } from "../command.ts";
import { commonFlags, lazy, withDaemon } from "../context.ts";
import type { DoctorFlags } from "../doctor/run.ts";
import { switchFlag, valueFlag } from "../flags.ts";
import { parseDurationOption } from "../parameters.ts";

/** `xs doctor`. */
export const doctorCommand: XsCommand = buildCommand<DoctorFlags, []>({
  func: withDaemon(lazy(async () => (await import("../doctor/run.ts")).doctor)),
  parameters: {
    flags: {
      ...commonFlags,
      fix: switchFlag("Show the changes that would fix what it finds"),
      yes: switchFlag("With --fix: make these changes"),
      for: valueFlag("DURATION", "Look for changes for DURATION (default 2s)", parseDurationOption),
    },
  },
  docs: {
    name: "doctor",
    group: "debug",
    brief: "find what is wrong",
    description: [
      "Finds what is wrong or soon will be, with the evidence, since when, and the command that fixes it: what domains that are gone have left behind, stale names, permissions that name domains that are gone, quotas and nodes that are nearly full, watches that fire all the time, rings that do not move, events that are not read, transactions that stay open, tools that spin, a slow store, a clock that was set. Exits with status 1 if anything is left.",
      "Each change of --fix --yes is a transaction of its own, which first checks the node and the hypervisor's list of domains again.",
    ],
    examples: [
      ["xs doctor", "see what is wrong"],
      ["xs doctor --fix", "see what would be changed"],
      ["xs doctor --fix --yes", "change it"],
    ],
  },
});
