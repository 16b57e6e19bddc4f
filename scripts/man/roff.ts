/** Manual pages in the macros of man(7), from plain text and from the little of Markdown that docs/ uses. */

/** The widest line of source: mandoc complains of longer ones. */
const LINE_COLUMNS = 78;

export interface PageTitle {
  /** Such as `xs-read`. */
  readonly name: string;
  readonly section: 1 | 7 | 8;
  /** When it was made, as 2026-11-27. */
  readonly date: string;
  readonly version: string;
}

/** A page that is being written. */
export class ManPage {
  readonly #lines: string[] = [];

  constructor({ date, name, section, version }: PageTitle, brief: string) {
    this.#lines.push(
      `.TH ${escapeText(name.toUpperCase())} ${section} ${date} "xs ${version}" Xenstore`,
    );
    this.heading("NAME");
    this.#lines.push(`${escapeText(name)} \\- ${escapeText(brief)}`);
  }

  heading(text: string): void {
    this.#lines.push(`.SH ${escapeText(text.toUpperCase())}`);
  }

  subheading(text: string): void {
    this.#lines.push(`.SS ${inline(text)}`);
  }

  /** A paragraph, in which `code`, **strong** words and [links](to) may be. */
  paragraph(text: string): void {
    const before = this.#lines.at(-1) ?? "";
    if (!/^\.S[HS]/.test(before)) this.#lines.push(".PP");
    this.#text(text);
  }

  /** Lines as they are. */
  literal(lines: readonly string[]): void {
    const before = this.#lines.at(-1) ?? "";
    if (!/^\.S[HS]/.test(before)) this.#lines.push(".PP");
    this.#lines.push(
      ".in +4n",
      ".nf",
      ...lines.map((line) => guarded(escapeText(line))),
      ".fi",
      ".in",
    );
  }

  /** A line of its own that is roff already. */
  raw(line: string): void {
    const before = this.#lines.at(-1) ?? "";
    if (!/^\.S[HS]/.test(before)) this.#lines.push(".br");
    this.#lines.push(guarded(line.trimEnd()));
  }

  /** A term with what is said of it. */
  entry(term: string, text: string): void {
    this.#lines.push(".TP", guarded(term));
    this.#text(text);
  }

  bullet(text: string): void {
    this.#lines.push(".IP \\(bu 3");
    this.#text(text);
  }

  toString(): string {
    return `${this.#lines.join("\n")}\n`;
  }

  /** Each sentence begins a line, as manual pages have it. */
  #text(text: string): void {
    for (const sentence of text.split(/(?<=[.:?!]["')]?) +(?=["'(`*]*[A-Z])/)) {
      this.#lines.push(...wrapSource(inline(sentence)).map(guarded));
    }
  }
}

/** A line that begins with a control character would be taken for a macro. */
function guarded(line: string): string {
  return /^[.']/.test(line) ? `\\&${line}` : line;
}

export function escapeText(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("…", "...")
    .replace(/[‐–—]/g, "\\-").replaceAll("^", "\\(ha").replaceAll("~", "\\(ti");
}

export function bold(text: string): string {
  return `\\fB${escapeText(text)}\\fR`;
}

export function italic(text: string): string {
  return `\\fI${escapeText(text)}\\fR`;
}

/** Code, strong words and links; of a link to another document its text stays. */
export function inline(text: string): string {
  return text.replace(/\[((?:[^\]`]|`[^`]*`)+)\]\([^)]*\)/g, "$1")
    .split(/(`[^`]+`|\*\*[^*]+\*\*|\b_[^_ ][^_]*_\b)/)
    .map((part) => {
      if (part.startsWith("`")) return bold(part.slice(1, -1));
      if (part.startsWith("**")) return bold(part.slice(2, -2).replaceAll("`", ""));
      if (/^_.*_$/.test(part)) return italic(part.slice(1, -1));
      return escapeText(part);
    }).join("");
}

function wrapSource(text: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/).filter((word) => word !== "")) {
    if (line !== "" && line.length + 1 + word.length > LINE_COLUMNS) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return line === "" ? lines : [...lines, line];
}
