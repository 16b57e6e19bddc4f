import { toBytes, toText } from "./text.ts";

/**
 * The one argument of a request that takes exactly one: a NUL as the last byte and nowhere
 * else. Null when the payload is anything else (the answer is EINVAL).
 */
export function oneArgument(payload: Uint8Array): string | null {
  const last = payload.length - 1;
  if (last < 0 || payload.indexOf(0) !== last) return null;
  return toText(payload, 0, last);
}

/** The NUL-terminated strings of a payload; bytes behind the last NUL are ignored. */
export function splitStrings(payload: Uint8Array): string[] {
  const strings: string[] = [];
  let from = 0;
  for (;;) {
    const nul = payload.indexOf(0, from);
    if (nul < 0) return strings;
    strings.push(toText(payload, from, nul));
    from = nul + 1;
  }
}

/** A payload of strings, each with its NUL. */
export function joinStrings(...strings: string[]): Uint8Array {
  return toBytes(strings.map((text) => `${text}\0`).join(""));
}
