import { fromByteText } from "../../lib/client/operations.ts";
import { buildCommand, type XsCommand } from "../command.ts";
import { commonFlags, type XsContext } from "../context.ts";
import type { ReplayFlags } from "../trace/replay.ts";

async function replay(this: XsContext, flags: ReplayFlags, file: string): Promise<void> {
  const run = await import("../trace/replay.ts");
  this.process.exitCode = await run.replay(this.shell, flags, file) ? 0 : 1;
}

/** `xs replay`. */
export const replayCommand: XsCommand = buildCommand<ReplayFlags, [file: string]>({
  func: replay,
  parameters: {
    flags: {
      ...commonFlags,
      against: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "SOCKET",
        brief: "Send to the daemon behind SOCKET",
      },
      yes: {
        kind: "boolean",
        optional: true,
        withNegated: false,
        brief: "Send even to the daemon of this host",
      },
    },
    positional: {
      kind: "tuple",
      parameters: [{ brief: "A recording", placeholder: "FILE", parse: fromByteText }],
    },
  },
  docs: {
    name: "replay",
    group: "debug",
    brief: "send a recording again",
    description: [
      "Sends the requests of a recording again, one after the other, each client's on a connection of its own, and prints which answers and events differ. Exits with status 1 if any do.",
      "What speaks of domains to the hypervisor or to the daemon itself (introduce, release, control and the like) is not sent. A guest's requests are sent with the rights of domain 0. Hidden values are sent as stars.",
      "Nodes that were there before the recording can be brought to the other daemon with xs dump and xs restore.",
    ],
    examples: [
      ["xs replay FILE --against /tmp/test/socket", "see what another daemon answers"],
    ],
  },
});
