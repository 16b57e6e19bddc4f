/** All manual pages: those of the commands say what `xs help COMMAND` says, the others what docs/ says. */
import { commands } from "../../cmd/command_list.ts";
import type { XsCommand } from "../../cmd/command.ts";
import { optionRows, type Parameters, usageOf } from "../../cmd/help/command_page.ts";
import { commonFlags } from "../../cmd/context.ts";
import { GROUPS } from "../../cmd/help/docs.ts";
import { HEADINGS } from "../../cmd/help/front_page.ts";
import { appendMarkdown, sectionOf } from "./markdown.ts";
import { bold, escapeText, italic, ManPage, type PageTitle } from "./roff.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

export type Edition = Pick<PageTitle, "date" | "version">;

/** Each page by its name and section, such as `xs-read.1`. */
export async function manPages(edition: Edition): Promise<ReadonlyMap<string, string>> {
  const pages = new Map<string, string>();
  const add = (name: string, section: PageTitle["section"], page: ManPage): void => {
    pages.set(`${name}.${section}`, page.toString());
  };
  add("xs", 1, await frontPage(edition));
  for (const command of commands) add(`xs-${command.docs.name}`, 1, commandPage(command, edition));
  add("xenstored-xs", 8, await daemonPage(edition));
  add("xs-history", 7, await historyPage(edition));
  return pages;
}

async function document(name: string): Promise<string> {
  return await Deno.readTextFile(`${ROOT}docs/${name}.md`);
}

/** Words in capitals stand for others: italic. Options are typed as they are: bold. */
function typedWords(text: string): string {
  return text.split(/([A-Z][A-Z0-9_]*(?![a-z\w]))/).map((part, i) =>
    i % 2 === 1
      ? italic(part)
      : part.split(/(--?[a-z][a-z-]*)/).map((word, j) =>
        j % 2 === 1 ? bold(word) : escapeText(word)
      ).join("")
  ).join("");
}

function options(page: ManPage, parameters: Parameters): void {
  for (const { text, typed } of optionRows(parameters)) {
    page.entry(typedWords(typed.trim()), `${text}.`);
  }
}

function seeAlso(page: ManPage, ...names: readonly string[]): void {
  page.heading("SEE ALSO");
  page.paragraph(names.map((name) => `**${name.slice(0, -3)}**${name.slice(-3)}`).join(", "));
}

async function frontPage(edition: Edition): Promise<ManPage> {
  const page = new ManPage(
    { name: "xs", section: 1, ...edition },
    "read, write and watch Xenstore, and serve it",
  );
  page.heading("SYNOPSIS");
  page.paragraph(
    "**xs** [`--socket` _PATH_] [`--timeout` _DURATION_] [`--json`] _COMMAND_ [_ARGUMENT_]...",
  );
  page.heading("DESCRIPTION");
  page.paragraph(
    "Xenstore is the store through which the tools, drivers and guests of a Xen host tell each other of their devices.",
  );
  page.paragraph(
    "`xs` is its daemon and its clients in one program. `xs help COMMAND` shows the page of a command.",
  );
  for (const group of GROUPS) {
    const members = commands.filter(({ docs }) => docs.group === group);
    if (members.length > 0) page.subheading(HEADINGS[group]);
    for (const { docs } of members) {
      const also = docs.aliases === undefined ? "" : ` (also ${docs.aliases.join(", ")})`;
      page.entry(bold(`xs-${docs.name}`) + "(1)", `${capital(docs.brief)}${also}.`);
    }
  }
  page.heading("OPTIONS");
  page.paragraph("These may stand before or after the command.");
  options(page, { flags: commonFlags });
  page.heading("WHERE THE DAEMON IS");
  appendMarkdown(page, sectionOf(await document("clients"), "Where the daemon is"));
  page.heading("EXIT STATUS");
  page.entry(bold("0"), "Done.");
  page.entry(bold("1"), "Failed, or no.");
  page.entry(bold("2"), "Wrong usage.");
  page.heading("IN PLACE OF THE STOCK TOOLS");
  appendMarkdown(page, sectionOf(await document("clients"), "In place of the stock tools"));
  seeAlso(page, "xs-serve(1)", "xs-history(7)", "xenstored-xs(8)", "xl(1)");
  return page;
}

function commandPage({ docs, parameters }: XsCommand, edition: Edition): ManPage {
  const known = parameters as Parameters;
  const page = new ManPage({ name: `xs-${docs.name}`, section: 1, ...edition }, docs.brief);
  page.heading("SYNOPSIS");
  for (const words of usageOf(docs, known)) {
    page.raw(`${bold("xs")} ${bold(docs.name)} [${italic("OPTION")}]... ${typedWords(words)}`);
  }
  page.heading("DESCRIPTION");
  for (const text of docs.description) {
    if (text.startsWith(" ")) page.literal(text.split("\n"));
    else page.paragraph(text);
  }
  for (const alias of docs.aliases ?? []) page.paragraph(`\`xs ${alias}\` is the same.`);
  page.heading("OPTIONS");
  options(page, known);
  page.paragraph("A duration is written 90s, 1m, 1h30m or 250ms; a number alone is seconds.");
  page.heading("EXAMPLES");
  for (const [line, what] of docs.examples) page.entry(bold(line), `${capital(what)}.`);
  seeAlso(page, "xs(1)", ...(docs.group === "back up" ? ["xs-history(7)"] : []));
  return page;
}

async function daemonPage(edition: Edition): Promise<ManPage> {
  const page = new ManPage(
    { name: "xenstored-xs", section: 8, ...edition },
    "the Xenstore daemon of a Xen host",
  );
  page.heading("SYNOPSIS");
  page.paragraph("**/usr/libexec/xs/xenstored** [_OPTION_]...");
  page.heading("DESCRIPTION");
  const operations = await document("operations");
  page.paragraph(
    "`xs` in the place of the host's xenstored: the toolstack, the drivers' domains and the guests notice no difference. The package `xenstored-xs` has systemd start it, by the unit `xs-xenstored.service`.",
  );
  const sections = [
    "What it needs",
    "What outlives the daemon",
    "When the daemon dies",
    "How to see that it works",
    "Options of `xenstored`",
    "Memory",
    "Another daemon in place of the running one",
    "Signals and exit status",
  ];
  for (const name of sections) {
    page.heading(name.replaceAll("`", ""));
    appendMarkdown(page, sectionOf(operations, name));
  }
  seeAlso(page, "xs(1)", "xs-serve(1)", "xs-live-update(1)", "systemctl(1)");
  return page;
}

async function historyPage(edition: Edition): Promise<ManPage> {
  const page = new ManPage(
    { name: "xs-history", section: 7, ...edition },
    "points in the past of a store, and what is kept of it",
  );
  page.heading("POINTS IN TIME");
  appendMarkdown(page, sectionOf(await document("clients"), "Points in time"));
  page.heading("WHEN THE HOST GOES DOWN");
  appendMarkdown(page, sectionOf(await document("durability"), "When the host goes down"));
  seeAlso(page, "xs-diff(1)", "xs-dump(1)", "xs-restore(1)", "xs(1)");
  return page;
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
