/** The help page of one command. */
import type { CommandDocs } from "./docs.ts";
import { PAGE_COLUMNS, twoColumns, wrap } from "./layout.ts";

/** An option, as the library for the command line takes it. */
export interface Flag {
  readonly kind: "boolean" | "parsed" | "enum" | "counter";
  readonly brief: string;
  readonly placeholder?: string;
  readonly values?: readonly string[];
  readonly default?: unknown;
  readonly optional?: boolean;
  readonly variadic?: boolean | string;
  readonly hidden?: boolean;
}

interface Argument {
  readonly placeholder?: string;
  readonly optional?: boolean;
}

/** The arguments of a command that are no options. */
export type Positional =
  | { readonly kind: "array"; readonly parameter: Argument; readonly minimum?: number }
  | { readonly kind: "tuple"; readonly parameters: readonly Argument[] };

/** All that a command line may hold behind the command's name. */
export interface Parameters {
  readonly flags?: Readonly<Record<string, Flag>>;
  readonly aliases?: Readonly<Record<string, string>>;
  readonly positional?: Positional;
}

/** An option as it is typed, and what it is for. */
export interface OptionRow {
  /** Such as `-n, --number COUNT`. */
  readonly typed: string;
  /** What it does, with its default. */
  readonly text: string;
}

/** Options of all client commands: they come last. */
const COMMON = ["socket", "timeout", "json"];

/** The widest option that has its text beside it. */
const OPTION_COLUMNS = 26;

/** An option's name as it is typed. */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The options of a command, its own first. */
export function optionRows({ aliases = {}, flags = {} }: Parameters): OptionRow[] {
  const shown = Object.entries(flags).filter(([, flag]) => flag.hidden !== true);
  const own = shown.filter(([name]) => !COMMON.includes(name));
  const common = shown.filter(([name]) => COMMON.includes(name));
  const rows = [...own, ...common].map(([name, flag]) => {
    const letter = Object.keys(aliases).find((letter) => aliases[letter] === name);
    const value = flag.placeholder ?? flag.values?.join("|");
    const head = letter === undefined ? "    " : `-${letter}, `;
    return {
      typed: `${head}--${kebab(name)}${value === undefined ? "" : ` ${value}`}`,
      text: [
        flag.brief,
        ...(flag.default === undefined ? [] : [`(default ${flag.default})`]),
        ...(flag.variadic === undefined ? [] : ["(may be repeated)"]),
      ].join(" "),
    };
  });
  return [...rows, { typed: "-h, --help", text: "Print this help" }];
}

/** What may stand behind a command's name, an alternative each. */
export function usageOf(docs: CommandDocs, { positional }: Parameters): readonly string[] {
  if (docs.usage !== undefined) return docs.usage;
  if (positional === undefined) return [""];
  if (positional.kind === "tuple") {
    const words = positional.parameters.map(({ optional, placeholder = "" }) =>
      optional === true ? `[${placeholder}]` : placeholder
    );
    return [words.join(" ")];
  }
  const { minimum = 0, parameter: { placeholder = "" } } = positional;
  return [minimum > 0 ? `${placeholder}...` : `[${placeholder}]...`];
}

/** What the words in capitals mean that more than one command has. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  DURATION: "DURATION is written 90s, 1m, 1h30m or 250ms; a number alone is seconds.",
};

/** The page that `xs help COMMAND` prints. */
export function commandPage(docs: CommandDocs, parameters: Parameters): string {
  const options = optionRows(parameters);
  const usage = usageOf(docs, parameters).map((words, i) =>
    `${i === 0 ? "Usage:" : "   or:"} xs ${docs.name} [OPTION]... ${words}`.trimEnd()
  );
  const aliases = docs.aliases ?? [];
  const notes = Object.entries(PLACEHOLDERS)
    .filter(([word]) => options.some(({ typed }) => typed.endsWith(` ${word}`)))
    .flatMap(([, note]) => wrap(note, PAGE_COLUMNS));
  const sections = [
    usage,
    ...docs.description.map(paragraph),
    ...(aliases.length === 0 ? [] : [wrap(alsoCalled(docs.name, aliases), PAGE_COLUMNS)]),
    ["Options:", ...twoColumns(options.map(({ typed, text }) => [typed, text]), 2, OPTION_COLUMNS)],
    ...(notes.length === 0 ? [] : [notes]),
    ["Examples:", ...docs.examples.flatMap(([line, what]) => [`  ${line}`, `      ${what}`])],
  ];
  return `${sections.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

function alsoCalled(name: string, aliases: readonly string[]): string {
  const names = aliases.map((alias) => `xs ${alias}`).join(" and ");
  return `${names} ${aliases.length === 1 ? "is" : "are"} the same as xs ${name}.`;
}

function paragraph(text: string): string[] {
  return text.startsWith(" ") ? text.split("\n") : wrap(text, PAGE_COLUMNS);
}
