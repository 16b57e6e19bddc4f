/** What `xs blame` does: loaded when it is called. */
import { askWhole } from "../../lib/archive/past/history_source.ts";
import { unknownLines, unknownText } from "../../lib/archive/past/past_nodes.ts";
import { toByteText } from "../../lib/client/operations.ts";
import type { Blamed, Head } from "../../lib/history/answers.ts";
import { authorJson, nodeJson, timeJson } from "../../lib/history/json.ts";
import { LOCAL_ZONE } from "../../lib/history/points.ts";
import type { Unknown } from "../../lib/history/moment.ts";
import { nodeText, timeText, whoText } from "../../lib/history/text.ts";
import { HISTORY_VALUE_COLUMNS } from "../../lib/limits.ts";
import { formatDuration } from "../../lib/wire/duration.ts";
import { escapeBytes } from "../../lib/wire/escape.ts";
import { jsonLine } from "../../lib/wire/json.ts";
import type { Status, XsContext } from "../context.ts";
import { CommandError } from "../report.ts";
import { note } from "../shell.ts";
import { aboutPoint, lookBack } from "./look_back.ts";
import { openPaged } from "./paged.ts";
import type { AtFlags } from "./parameters.ts";

/** The options of `xs blame`. */
export interface BlameFlags extends AtFlags {
  readonly recursive?: boolean;
  readonly deleted?: boolean;
}

/** `xs blame`. */
export async function runBlame(
  context: XsContext,
  flags: BlameFlags,
  path: string,
): Promise<Status> {
  return await lookBack(context, flags, async (past) => {
    const { deleted = false, recursive = false } = flags;
    const at = past.pointOrNull(flags.at, "--at");
    const query = { kind: "blame", path, at, recursive, deleted } as const;
    const source = await past.source();
    const { answers, head } = await aboutPoint("--at", () => askWhole(source, query));
    const found = answers.filter((answer) => answer.type === "blame").sort(inOrder);
    const unknowns = answers.filter((answer) => answer.type === "unknown");
    if (found.length === 0) throw new CommandError(noneText(flags, head, unknowns[0]), path);
    const output = openPaged(past.shell, false);
    for (const one of found) {
      const line = flags.json === true
        ? jsonLine(blameJson(one, past.now))
        : blameLine(one, head, past.now);
      if (!await output.write(toByteText(`${line}\n`))) break;
    }
    await output.end();
    // With one path, the path's own line says it.
    if (recursive) { for (const line of unknownLines(unknowns)) note(past.shell, line); }
  });
}

function noneText(
  { deleted, recursive }: BlameFlags,
  { begins }: Head,
  unknown: Unknown | undefined,
): string {
  if (unknown !== undefined) return unknownText(unknown);
  if (deleted !== true) return "no such node (ENOENT)";
  const below = recursive === true ? "nothing was removed there" : "it was not removed";
  return `${below} since the history begins (#${begins.number})`;
}

/** A slash sorts before all that names are made of, so that children follow their parent. */
function inOrder(a: Blamed, b: Blamed): number {
  const key = ({ path }: Blamed): string => path.replaceAll("/", "\x01");
  return key(a) < key(b) ? -1 : 1;
}

function blameLine(found: Blamed, { begins }: Head, now: number): string {
  const { between, commit, node, path } = found;
  const what = node === null
    ? `${escapeBytes(path)} removed`
    : `${escapeBytes(path)} = ${nodeText(node, HISTORY_VALUE_COLUMNS)}`;
  if (between !== null) return `? ${unknownText(between)}: ${what}`;
  if (commit === null) return `? before the history begins (#${begins.number}): ${what}`;
  const { at, author, number } = commit;
  const age = formatDuration(Math.max(0, Math.round(now - at / 1_000)));
  return `#${number} ${timeText(at, LOCAL_ZONE)} (${age} ago) ${whoText(author)}: ${what}`;
}

function blameJson({ between, commit, node, path }: Blamed, now: number): unknown {
  return {
    path,
    node: nodeJson(node),
    commit: commit === null ? null : {
      number: commit.number,
      at: timeJson(commit.at),
      ageMs: Math.max(0, Math.round(now - commit.at / 1_000)),
      author: authorJson(commit.author),
      kind: commit.kind,
    },
    between: between === null
      ? null
      : { from: between.from, to: Number.isFinite(between.to) ? between.to : null },
  };
}
