import { toByteText } from "../lib/client/operations.ts";
import { toBytes, toText } from "../lib/wire/text.ts";
import type { Output } from "./shell.ts";

/** Bytes in JSON: a string where they are UTF-8, else an object that says so. */
export type BytesJson = string | { readonly base64: string };

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A byte string (one character a byte) for JSON. */
export function textJson(text: string): BytesJson {
  try {
    return strict.decode(toBytes(text));
  } catch {
    return { base64: btoa(text) };
  }
}

/** A value for JSON. */
export function valueJson(value: Uint8Array): BytesJson {
  return textJson(toText(value));
}

/** Prints one object as one line. */
export function printJson(output: Output, object: unknown): void {
  output.write(`${toByteText(JSON.stringify(object))}\n`);
}
