import { fromByteText } from "../../lib/client/operations.ts";
import { buildCommand, type XsCommand } from "../command.ts";
import { commonFlags, lazy, withContext } from "../context.ts";
import { switchFlag, valueFlag } from "../flags.ts";
import type { ReplayFlags } from "../trace/replay.ts";

/** `xs replay`. */
export const replayCommand: XsCommand = buildCommand<ReplayFlags, [file: string]>({
  func: withContext(lazy(async () => (await import("../trace/replay.ts")).replay)),
  parameters: {
    flags: {
      ...commonFlags,
      against: valueFlag("SOCKET", "Send to the daemon behind SOCKET"),
      yes: switchFlag("Send even to the daemon of this host"),
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
      "Requests that manage domains or the daemon (introduce, release, control and the like) are not sent. A guest's requests are sent with the rights of domain 0. Hidden values are sent as stars.",
      "Watches that were set before the recording began are missing in the replay, so their events differ. To bring nodes from before the recording to the other daemon, use xs dump and xs restore.",
    ],
    examples: [
      ["xs replay FILE --against /tmp/test/socket", "see what another daemon answers"],
    ],
  },
});
