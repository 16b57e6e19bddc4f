import { buildCommand, type XsCommand } from "../command.ts";
import { commonFlags, lazy, withContext } from "../context.ts";
import { switchFlag, valueFlag } from "../flags.ts";
import type { LogFlags } from "../history/log.ts";
import { globParameter, pointFlag, POINTS, storeFlag } from "../history/parameters.ts";
import { type Kind, KINDS } from "../../lib/history/kinds.ts";
import { parseCount } from "../parameters.ts";
import { UsageError } from "../report.ts";

/** The kinds that can be chosen. `pruned` is not among them: nothing else is known of pruned records. */
const SHOWN: readonly Kind[] = KINDS.filter((kind) => kind !== "pruned");

function parseKind(input: string): Kind {
  const kind = SHOWN.find((known) => known === input);
  if (kind !== undefined) return kind;
  throw new UsageError(`invalid kind of a commit (one of ${SHOWN.join(", ")})`);
}

/** `xs log`. */
export const logCommand: XsCommand = buildCommand<LogFlags, string[]>({
  func: withContext(lazy(async () => (await import("../history/log.ts")).runLog)),
  parameters: {
    flags: {
      ...commonFlags,
      store: storeFlag,
      since: pointFlag("Show only what was done since POINT"),
      until: pointFlag("Show only what was done up to POINT"),
      domain: valueFlag(
        "DOMID|NAME",
        "Show only what this domain did; NAME is the name that it had then",
      ),
      process: valueFlag(
        "NAME|PID",
        "Show only what this process did, or all processes of a program",
      ),
      op: {
        ...valueFlag(
          "KIND",
          "Show only commits of this KIND, such as write, rm, transaction, death, restore or start",
          parseKind,
        ),
        proposeCompletions: (partial) => SHOWN.filter((kind) => kind.startsWith(partial)),
      },
      search: valueFlag("TEXT", "Show only changes whose old or new value contains TEXT"),
      aborted: switchFlag("Show only transactions that ended in EAGAIN"),
      number: valueFlag("COUNT", "Show only the newest COUNT commits", parseCount),
      reverse: switchFlag("Print the newest first"),
      follow: switchFlag("Print the last 10 commits, then new ones, until Ctrl-C"),
      oneline: switchFlag("Print one line a commit"),
      format: {
        kind: "enum",
        values: ["git-fast-import"],
        optional: true,
        brief: "Write it as a stream for git fast-import, which makes a repository of it",
      },
    },
    aliases: { n: "number", f: "follow", S: "search" },
    positional: { kind: "array", parameter: globParameter },
  },
  docs: {
    name: "log",
    group: "debug",
    brief: "show who changed what",
    description: [
      "Shows what was done in the store, when and by whom, the newest last. With paths, it shows what changed at or below them; * matches any characters of a name, ? one character, ** any number of names.",
      "On a terminal it goes through a pager: XS_PAGER, PAGER or less.",
      POINTS,
    ],
    examples: [
      ["xs log -n 20", "the last 20 commits"],
      ["xs log /local/domain/7/device --since -10m", "what happened to a guest's devices"],
      ["xs log --process xl --op transaction", "the transactions of xl"],
      ["xs log -S 192.168.1.7 --json", "where an address came and went"],
      ["xs log -f", "what happens now"],
      [
        "xs log --format git-fast-import >stream",
        "write it for git fast-import, which makes a repository of it",
      ],
    ],
  },
});
