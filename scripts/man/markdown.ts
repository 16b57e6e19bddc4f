/** Sections of the documents in docs/ as parts of a manual page: so there is one text for both. */
import { bold, inline, type ManPage } from "./roff.ts";

/** The lines below a heading `## NAME`, up to the next one of its rank or above. */
export function sectionOf(document: string, name: string): string[] {
  const lines = document.split("\n");
  const start = lines.findIndex((line) =>
    line.replace(/^#+ /, "") === name && line.startsWith("#")
  );
  if (start < 0) throw new Error(`there is no section '${name}'`);
  const rank = /^#+/.exec(lines[start]!)![0].length;
  const end = lines.findIndex((line, i) =>
    i > start && (/^#+(?= )/.exec(line)?.[0].length ?? 9) <= rank
  );
  return lines.slice(start + 1, end < 0 ? lines.length : end);
}

/** Which test holds a promise concerns who has the source. */
const TESTS = /\s*\((?:`?tests\/[^)]*|`?\w+_test\.ts[^)]*)\)/g;

/** Appends a section's text to a page. */
export function appendMarkdown(page: ManPage, section: readonly string[]): void {
  const lines = section.join("\n").replace(TESTS, "").split("\n");
  for (let at = 0; at < lines.length;) {
    const line = lines[at]!;
    if (line.trim() === "") at++;
    else if (line.startsWith("#")) {
      page.subheading(line.replace(/^#+ /, ""));
      at++;
    } else if (line.startsWith("```")) {
      const end = lines.indexOf("```", at + 1);
      page.literal(lines.slice(at + 1, end));
      at = end + 1;
    } else if (line.startsWith("    ")) {
      const end = endOf(lines, at, (next) => next.startsWith("    ") || next === "");
      page.literal(
        lines.slice(at, end).map((next) => next.slice(4)).join("\n").trimEnd().split("\n"),
      );
      at = end;
    } else if (line.startsWith("|")) {
      const end = endOf(lines, at, (next) => next.startsWith("|"));
      appendTable(page, lines.slice(at, end));
      at = end;
    } else if (/^[-*] /.test(line)) {
      const end = endOf(lines, at, (next) => next.startsWith("  "));
      page.bullet(lines.slice(at, end).map((next) => next.slice(2)).join(" "));
      at = end;
    } else {
      const end = endOf(lines, at, (next) => /^[^\s#|]/.test(next) && !/^- |^```/.test(next));
      page.paragraph(lines.slice(at, end).join(" "));
      at = end;
    }
  }
}

/** The first line behind `from` that does not go on with it. */
function endOf(lines: readonly string[], from: number, goesOn: (line: string) => boolean): number {
  const length = lines.slice(from + 1).findIndex((line) => !goesOn(line));
  return length < 0 ? lines.length : from + 1 + length;
}

function cellsOf(row: string): string[] {
  return row.replace(/^\| ?| ?\|$/g, "").split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll("\\|", "|"));
}

/** A table as a list: the first filled cell of a row is the term, the others follow it. */
function appendTable(page: ManPage, rows: readonly string[]): void {
  const [head = "", , ...body] = rows;
  const names = cellsOf(head);
  for (const row of body) {
    const cells = cellsOf(row);
    const at = cells.findIndex((cell) => cell !== "");
    const last = cells.length - 1;
    const between = cells.slice(at + 1, last)
      .map((cell, i) => cell === "" ? "" : ` (${names[at + 1 + i]}: ${cell})`).join("");
    const text = `${cells[last]!.charAt(0).toUpperCase()}${cells[last]!.slice(1)}${between}`;
    page.entry(/[`*[]/.test(cells[at]!) ? inline(cells[at]!) : bold(cells[at]!), text);
  }
}
