import { toByteText } from "../lib/client/operations.ts";
import type { Output } from "./shell.ts";

import { jsonLine, valueJson } from "../lib/wire/json.ts";
import type { NodeReader } from "../lib/client/node_reader.ts";

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
