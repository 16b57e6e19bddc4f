/** What `xs show` does: loaded when it is called. */
import { askWhole } from "../../lib/archive/past/history_source.ts";
import { toByteText } from "../../lib/client/operations.ts";
import type { RecordAnswer } from "../../lib/history/answers.ts";
import { recordJson } from "../../lib/history/json.ts";
import { LOCAL_ZONE } from "../../lib/history/points.ts";
import type { HistoryRecord } from "../../lib/history/record.ts";
import { manyLines, oneLine } from "../../lib/history/text.ts";
import { jsonLine } from "../../lib/wire/json.ts";
import type { Status, XsContext } from "../context.ts";
import { CommandError } from "../report.ts";
import { BEGINNING, lookBack } from "./look_back.ts";
import { openPaged } from "./paged.ts";
import type { HistoryFlags } from "./parameters.ts";

/** `xs show`. */
export async function runShow(
  context: XsContext,
  flags: HistoryFlags,
  commit: string,
): Promise<Status> {
  return await lookBack(context, flags, async (past) => {
    const point = past.point(commit);
    const { answers, head } = await askWhole(await past.source(), { kind: "show", point });
    const records = answers.filter((answer) => answer.type === "record");
    if (head.number === head.begins.number) throw new CommandError(BEGINNING, `#${head.number}`);
    if (records.length === 0) {
      throw new CommandError(
        "the history no longer has this commit (it was folded or pruned)",
        `#${head.number}`,
      );
    }
    const output = openPaged(past.shell, false);
    const lines = flags.json === true ? jsonLines(records) : textLines(records, head.number);
    for (const line of lines) {
      const text = past.colour && flags.json !== true ? coloured(line) : line;
      if (!await output.write(toByteText(`${text}\n`))) break;
    }
    await output.end();
  });
}

function* jsonLines(records: readonly RecordAnswer[]): Generator<string, void> {
  for (const { record, role } of records) yield jsonLine({ role, ...recordJson(record) });
}

function* textLines(records: readonly RecordAnswer[], number: number): Generator<string, void> {
  for (const [i, { record, role }] of records.entries()) {
    const isFirst = records[i - 1]?.role !== role;
    if (role === "asked") yield* manyLines(record, LOCAL_ZONE, isFirst);
    else if (role === "later") {
      if (isFirst) yield `#${number} is counted in:`;
      yield oneLine(record, LOCAL_ZONE);
    } else yield* causeLines(record);
  }
}

/** What an aborted transaction gave way to. */
function* causeLines(record: HistoryRecord): Generator<string, void> {
  yield "It gave way to:";
  yield* manyLines(record, LOCAL_ZONE);
}

function coloured(line: string): string {
  if (line.startsWith("- ")) return `\x1b[31m${line}\x1b[0m`;
  if (line.startsWith("+ ")) return `\x1b[32m${line}\x1b[0m`;
  return line.replace(/^#\d+/, (number) => `\x1b[33m${number}\x1b[0m`);
}
