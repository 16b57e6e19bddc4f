/** Metrics in Prometheus' text format, version 0.0.4. */
import type { Family, Labels } from "./families.ts";

/** The type of what {@link prometheusText} makes, for HTTP. */
export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Families as text, each with its help and type. */
export function prometheusText(families: readonly Family[]): string {
  const lines: string[] = [];
  for (const { help, name, samples, type } of families) {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const { labels, suffix = "", value } of samples) {
      lines.push(`${name}${suffix}${labelText(labels)} ${value}`);
    }
  }
  return lines.map((line) => `${line}\n`).join("");
}

function labelText(labels: Labels): string {
  const all = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return all.length === 0 ? "" : `{${all.join(",")}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
