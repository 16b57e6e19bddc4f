import { buildCommand, type XsCommand } from "../command.ts";
import { commonFlags, lazy, withContext } from "../context.ts";
import { words } from "../flags.ts";
import { type HistoryFlags, storeFlag } from "../history/parameters.ts";

/** `xs history`. */
export const historyCommand: XsCommand = buildCommand<HistoryFlags, string[]>({
  func: withContext(lazy(async () => (await import("../history/purge.ts")).runHistory)),
  parameters: {
    flags: {
      ...commonFlags,
      store: {
        ...storeFlag,
        brief: "Purge the history of this store file, of a daemon that has ended",
      },
    },
    positional: words("WORD", "purge, and paths from /", 1),
  },
  docs: {
    name: "history",
    group: "back up",
    brief: "purge values kept of old",
    usage: ["purge PATH..."],
    description: [
      "Takes the values of each PATH and of all nodes below it out of the history for good. They become hidden, as if the paths had been redacted from the beginning: their lengths, permissions, times and authors stay.",
      "It waits until that is done, and says how many values it has taken out. What the store has at PATH stays, and is recorded again when it changes: remove or replace it first, or serve with --redact.",
    ],
    examples: [
      ["xs history purge /local/domain/7/data", "forget the values of a path and below"],
      ["xs history purge --store /var/lib/xs/store /vm", "the same in a file, without a daemon"],
    ],
  },
});
