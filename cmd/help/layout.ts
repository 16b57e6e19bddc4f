/** Columns of a help page: what a terminal shows at least. */
export const PAGE_COLUMNS = 80;

/** Lines that are at most `width` wide, of a text's words. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/[ \n]+/)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return line === "" ? lines : [...lines, line];
}

/** A table of two columns; what is too wide for the first stands on a line of its own. */
export function twoColumns(
  rows: readonly (readonly [left: string, right: string])[],
  indent: number,
  leftMax: number,
): string[] {
  const fitting = rows.map(([left]) => left.length).filter((length) => length <= leftMax);
  const at = indent + Math.max(...fitting, 0) + 2;
  return rows.flatMap(([left, right]) => {
    const [first = "", ...more] = wrap(right, PAGE_COLUMNS - at);
    const head = " ".repeat(indent) + left;
    const below = more.map((line) => " ".repeat(at) + line);
    if (head.length + 2 > at) return [head, " ".repeat(at) + first, ...below];
    return [head.padEnd(at) + first, ...below];
  });
}
