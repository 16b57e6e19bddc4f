/** A terminal's text as an SVG image: one text element a line, as wide as its characters are in a terminal. */

/** In pixels. */
const FONT_SIZE = 14, CHARACTER = 8.4, LINE = 18, MARGIN = 12;

const FONTS = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace";
const PAPER = "#1c1f24", INK = "#d7dae0";

/** Draws `lines` on a screen of so many columns. */
export function terminalSvg(lines: readonly string[], columns: number, title: string): string {
  const width = Math.ceil(columns * CHARACTER + 2 * MARGIN);
  const height = lines.length * LINE + 2 * MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="100%" height="100%" rx="8" fill="${PAPER}"/>`,
    `<g font-family="${FONTS}" font-size="${FONT_SIZE}" fill="${INK}">`,
    ...lines.flatMap(lineOf),
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

/** Words stand where they stood, whatever the font's own width is. */
function lineOf(line: string, row: number): string[] {
  const y = MARGIN + row * LINE + FONT_SIZE;
  const words = [...line.matchAll(/\S+(?: \S+)*/g)].map(({ 0: text, index }) => {
    const x = (MARGIN + index * CHARACTER).toFixed(1);
    const length = ([...text].length * CHARACTER).toFixed(1);
    return `<text x="${x}" y="${y}" textLength="${length}">${escaped(text)}</text>`;
  });
  return words.length === 0 ? [] : [words.join("")];
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
