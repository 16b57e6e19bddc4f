import { type Operations, toByteText } from "../../lib/client/operations.ts";
import type { MalformedRow } from "../../lib/engine/malformed_messages.ts";
import { formatDuration } from "../../lib/wire/duration.ts";
import { escapeText } from "../../lib/wire/escape.ts";
import { buildCommand, type XsCommand } from "../command.ts";
import { type CommonFlags, commonFlags, withDaemon, type XsContext } from "../context.ts";
import { switchFlag } from "../flags.ts";
import { printJson } from "../json.ts";

interface ErrorsFlags extends CommonFlags {
  readonly data?: boolean;
}

async function errors(
  { shell: { stdout } }: XsContext,
  nodes: Operations,
  flags: ErrorsFlags,
): Promise<void> {
  const { readRows } = await import("../who/read_pages.ts");
  const words = flags.data === true ? ["errors", "data"] : ["errors"];
  const { rows } = await readRows<MalformedRow>(nodes, words, () => true);
  for (const row of rows) {
    if (flags.json === true) printJson(stdout, row);
    else for (const line of rowLines(row)) stdout.write(`${toByteText(escapeText(line))}\n`);
  }
  if (rows.length === 0 && flags.json !== true) stdout.write("no malformed message\n");
}

function rowLines({ ageMs, bytes, client, count, header, open, reason }: MalformedRow): string[] {
  const ago = formatDuration(Math.floor(ageMs / 1_000) * 1_000);
  const times = count === 1 ? "" : `, ${count} so far`;
  const state = open ? "" : ", has ended";
  const lines = [`${ago} ago ${client}${state}: ${reason}${times}`];
  if (header !== null) {
    const { len, name, reqId, txId, type } = header;
    lines.push(`  ${name} (type ${type}) request ${reqId} transaction ${txId} length ${len}`);
  }
  if (bytes !== null && bytes !== "") {
    for (let at = 0; at < bytes.length; at += 32) {
      lines.push(
        `  ${(at / 2).toString(16).padStart(4, "0")}  ${hexLine(bytes.slice(at, at + 32))}`,
      );
    }
  }
  return lines;
}

/** Sixteen bytes in hexadecimal digits, and what of them is plain. */
function hexLine(digits: string): string {
  const pairs = digits.match(/../g) ?? [];
  const plain = pairs.map((pair) => {
    const code = Number.parseInt(pair, 16);
    return code > 0x20 && code < 0x7f ? String.fromCharCode(code) : ".";
  });
  return `${pairs.join(" ").padEnd(48)} ${plain.join("")}`;
}

/** `xs errors`. */
export const errorsCommand: XsCommand = buildCommand<ErrorsFlags, []>({
  func: withDaemon(errors),
  parameters: {
    flags: {
      ...commonFlags,
      data: switchFlag("Print also the first bytes of each message, hidden values too"),
    },
  },
  docs: {
    name: "errors",
    group: "debug",
    brief: "show malformed messages",
    description: [
      "Shows the last malformed message of each connection, the latest first, also of connections that have ended: when, who, what is wrong, and its header.",
      "A message is malformed if it is too long, of an unknown type (ENOSYS), or rejected as invalid (EINVAL). A ring with invalid indices counts, too.",
    ],
    examples: [
      ["xs errors", "see which clients break the protocol, and how"],
      ["xs errors --data", "see also the first bytes of the messages"],
    ],
  },
});
