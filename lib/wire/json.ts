import { escapeBytes, escapeText } from "./escape.ts";
import { toBytes, toText } from "./text.ts";

/** Bytes in JSON: a string where they are UTF-8, else an object that says so. */
export type BytesJson = string | { readonly base64: string };

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

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

/**
 * An object as one line of JSON for people and programs: what cannot be seen is `\uXXXX`, which
 * reads back as what it was.
 */
export function jsonLine(object: unknown): string {
  return escapeText(JSON.stringify(object));
}

/** The bytes that {@link valueJson} was given; null for anything else. */
export function bytesOfJson(json: unknown): Uint8Array | null {
  if (typeof json === "string") return encoder.encode(json);
  if (typeof json !== "object" || json === null || !("base64" in json)) return null;
  if (typeof json.base64 !== "string") return null;
  try {
    return toBytes(atob(json.base64));
  } catch {
    return null;
  }
}

/** Bytes in JSON for people: what cannot be seen is escaped. */
export function jsonText(json: BytesJson): string {
  return typeof json === "string" ? escapeText(json) : escapeBytes(atob(json.base64));
}
