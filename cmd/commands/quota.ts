import { XenstoreError } from "../../lib/client/error.ts";
import { type Operations, toByteText } from "../../lib/client/operations.ts";
import { QUOTAS } from "../../lib/engine/quotas.ts";
import type { DomainStatus } from "../../lib/engine/status_pages.ts";
import { readList, UnknownStatus } from "../../lib/metrics/read_status.ts";
import { jsonText } from "../../lib/wire/json.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { buildCommand, type XsCommand } from "../command.ts";
import { type CommonFlags, commonFlags, withDaemon, type XsContext } from "../context.ts";
import { findDomain } from "../domain_word.ts";
import { switchFlag, words } from "../flags.ts";
import { printJson } from "../json.ts";
import { parseQuota } from "../parameters.ts";
import { CommandError, UsageError } from "../report.ts";
import { readable } from "../shell.ts";
import { percentOf } from "../status_text.ts";
import { tableLines } from "../table.ts";

interface QuotaFlags extends CommonFlags {
  readonly default?: boolean;
  readonly reset?: boolean;
}

/** What one line says. */
interface Row {
  readonly domid: number | null;
  readonly name: DomainStatus["name"];
  readonly quota: string;
  readonly used: number | null;
  readonly peak: number | null;
  /** Null for none. */
  readonly limit: number | null;
  readonly percent: number | null;
  readonly refused: number;
}

async function quota(
  context: XsContext,
  nodes: Operations,
  flags: QuotaFlags,
  ...words: string[]
): Promise<void> {
  const [first, ...rest] = words;
  if (first === "set" || first === "max") return await asControl(context, nodes, flags, words);
  if (flags.default) {
    return words.length === 0
      ? printRows(context, flags, await defaults(nodes))
      : await set(context, nodes, flags, null, words);
  }
  const domains = await domainsOf(nodes);
  if (domains === null) return await asControl(context, nodes, flags, words);
  if (first === undefined) return printRows(context, flags, domains.flatMap(rowsOf));
  if (rest.length > 0) return await set(context, nodes, flags, domidOf(domains, first), rest);
  printRows(context, flags, rowsOf(findDomain(domains, first)));
}

/** All domains that the daemon knows; null of a daemon that does not tell. */
async function domainsOf(nodes: Operations): Promise<DomainStatus[] | null> {
  try {
    return await readList(nodes, "domains");
  } catch (error) {
    if (error instanceof UnknownStatus) return null;
    throw error;
  }
}

/** Quotas may be set of a domain before the daemon knows it. */
function domidOf(domains: readonly DomainStatus[], word: string): number {
  return /^\d{1,5}$/.test(word) ? Number(word) : findDomain(domains, word).domid;
}

/** What CONTROL `quota` takes, as it is. */
async function asControl(
  { shell }: XsContext,
  nodes: Operations,
  { json, reset }: QuotaFlags,
  words: readonly string[],
): Promise<void> {
  const all = reset ? [...words, "-r"] : words;
  const reply = await nodes.ask(MessageType.CONTROL, "control", "quota", ...all);
  if (json) printJson(shell.stdout, { command: "quota", reply: reply.replace(/\n$/, "") });
  else shell.stdout.write(readable(`${reply.replace(/\n$/, "")}\n`));
}

/** Those of domains that the daemon does not know yet. */
async function defaults(nodes: Operations): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { name } of QUOTAS) {
    const value = Number(await nodes.ask(MessageType.GET_QUOTA, "get_quota", name));
    const limit = value === 0 ? null : value;
    rows.push({ ...NOTHING, quota: name, limit });
  }
  return rows;
}

const NOTHING = { domid: null, name: null, used: null, peak: null, percent: null, refused: 0 };

async function set(
  { shell }: XsContext,
  nodes: Operations,
  { json }: QuotaFlags,
  domid: number | null,
  words: readonly string[],
): Promise<void> {
  // All of them are looked at before the first is set.
  for (const { name, value } of words.map(parseWord)) {
    const whose = domid === null ? [] : [`${domid}`];
    await setOne(nodes, [...whose, name, `${value}`]);
    if (json) printJson(shell.stdout, { domid, quota: name, limit: value === 0 ? null : value });
  }
}

function parseWord(word: string): ReturnType<typeof parseQuota> {
  try {
    return parseQuota(word);
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(error.text, word) : error;
  }
}

async function setOne(nodes: Operations, words: readonly string[]): Promise<void> {
  try {
    await nodes.ask(MessageType.SET_QUOTA, "set_quota", ...words);
  } catch (error) {
    if (!(error instanceof XenstoreError)) throw error;
    // C xenstored of Xen 4.17 has no such request, only the command.
    if (error.code === "ENOSYS") {
      await nodes.control("quota", "set", ...words);
    } else if (error.code === "ENOENT") {
      throw new CommandError("no such domain (ENOENT)", words[0]);
    } else throw error;
  }
}

function rowsOf({ domid, name, quotas }: DomainStatus): Row[] {
  return QUOTAS.map(({ name: quota }) => {
    const use = quotas[quota];
    return { domid, name, quota, ...use, percent: percentOf(use) };
  });
}

const HEAD = ["DOMAIN", "QUOTA", "USED", "PEAK", "LIMIT", "%", "REFUSED", "NAME"];

/** The columns of {@link HEAD} that are numbers. */
const NUMBERS = new Set([2, 3, 4, 5, 6]);

function printRows({ shell }: XsContext, { json }: QuotaFlags, rows: readonly Row[]): void {
  if (json) {
    for (const row of rows) printJson(shell.stdout, row);
    return;
  }
  const shown = (count: number | null): string => count === null ? "-" : `${count}`;
  const cells = rows.map(({ domid, limit, name, peak, percent, quota, refused, used }) => [
    domid === null ? "default" : `${domid}`,
    quota,
    shown(used),
    shown(peak),
    limit === null ? "none" : `${limit}`,
    shown(percent),
    `${refused}`,
    name === null ? "" : jsonText(name),
  ]);
  for (const line of tableLines(HEAD, cells, NUMBERS)) {
    shell.stdout.write(readable(toByteText(`${line}\n`)));
  }
}

/** `xs quota`. */
export const quotaCommand: XsCommand = buildCommand<QuotaFlags, string[]>({
  func: withDaemon(quota, {
    check: (flags, first) => {
      if (flags.reset && first !== "max") throw new UsageError("it needs max", "-r");
    },
  }),
  parameters: {
    flags: {
      ...commonFlags,
      default: switchFlag("Show or set the quotas of domains that are introduced later"),
      reset: switchFlag("With max: reset the peaks to what is used now"),
    },
    aliases: { r: "reset" },
    positional: words("WORD", "A domain, quotas", 0),
  },
  docs: {
    name: "quota",
    group: "debug",
    brief: "show or set quotas",
    description: [
      "Shows what a domain, or every domain, uses of each quota: what it uses now, its peak, the limit, the use in percent of the limit, and how many requests the quota has refused.",
      "NAME=VALUE sets a quota of a domain, or with --default of domains that are introduced later; 0 is no limit. What is set stays when the daemon restarts.",
      `The quotas are ${QUOTAS.map(({ name }) => name).join(", ")}.`,
      "The arguments of C xenstored's `control quota` work, too: set [DOMID] NAME VALUE, max [-r].",
    ],
    usage: [
      "[DOMID|NAME]",
      "DOMID|NAME NAME=VALUE...",
      "--default [NAME=VALUE]...",
      "set [DOMID] NAME VALUE",
      "max [-r]",
    ],
    examples: [
      ["xs quota 7", "show what domain 7 uses of each quota"],
      ["xs quota web1 watches=512 nodes=4000", "allow a domain more"],
      ["xs quota --default transactions=20", "allow more to domains that are introduced later"],
    ],
  },
});
