import { toByteText } from "../lib/client/operations.ts";
import type { Output } from "./shell.ts";

import { jsonLine } from "../lib/wire/json.ts";

export { textJson, valueJson } from "../lib/wire/json.ts";

/** Prints one object as one line. */
export function printJson(output: Output, object: unknown): void {
  output.write(`${toByteText(jsonLine(object))}\n`);
}
