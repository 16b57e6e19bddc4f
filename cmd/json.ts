import type { NodeReader } from "../lib/client/node_reader.ts";
import { toByteText } from "../lib/client/operations.ts";
import { jsonLine, textJson, valueJson } from "../lib/wire/json.ts";
import type { Output } from "./shell.ts";

export { textJson, valueJson } from "../lib/wire/json.ts";

/** A value, or of one that must not be shown how long it is. */
export function shownJson(
  nodes: NodeReader,
  path: string,
  value: Uint8Array | null,
): Record<string, unknown> {
  const hidden = nodes.hidden?.(path) ?? null;
  if (hidden !== null) return { hidden };
  return { value: value === null ? null : valueJson(value) };
}

/** Prints one object as one line. */
export function printJson(output: Output, object: unknown): void {
  output.write(`${toByteText(jsonLine(object))}\n`);
}

/** Prints one line for each changed path; `change` says how it changed. */
export function printChanged(
  output: Output,
  paths: readonly string[],
  change: Readonly<Record<string, true>>,
): void {
  for (const path of paths) printJson(output, { path: textJson(path), ...change });
}
