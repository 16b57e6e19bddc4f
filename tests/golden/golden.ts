/**
 * Golden files: what the program wrote before its codecs were built anew. `XS_GOLDEN=write` makes them anew, which is
 * right only when a format is meant to change.
 */
import { assertEquals } from "@std/assert";
import { toText } from "../../lib/wire/text.ts";

export const FILES = new URL("./files/", import.meta.url).pathname;
const isWriting = Deno.env.get("XS_GOLDEN") === "write";

/** The bytes of a golden file; of one that ends in `.gz`, unpacked. */
export async function golden(name: string): Promise<Uint8Array<ArrayBuffer>> {
  return name.endsWith(".gz") ? await unpacked(FILES + name) : await Deno.readFile(FILES + name);
}

/** The contents of a file that gzip has packed. */
export async function unpacked(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const packed = new Blob([await Deno.readFile(path)]);
  const stream = packed.stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function put(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  if (!name.endsWith(".gz")) return await Deno.writeFile(FILES + name, bytes);
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  await Deno.writeFile(FILES + name, new Uint8Array(await new Response(stream).arrayBuffer()));
}

/** Fails unless `found` is what the golden file has, byte for byte. */
export async function assertGolden(name: string, found: Uint8Array | string): Promise<void> {
  const bytes = typeof found === "string"
    ? Uint8Array.from(found, (character) => character.charCodeAt(0))
    : found.slice();
  if (isWriting) return await put(name, bytes);
  const wanted = await golden(name);
  // A text shows where they differ.
  assertEquals(toLines(bytes), toLines(wanted), name);
}

/** Text as it is, other bytes sixteen a line. */
function toLines(bytes: Uint8Array): string[] {
  if (bytes.every((byte) => byte >= 32 || byte === 10)) return toText(bytes).split("\n");
  return Array.from({ length: Math.ceil(bytes.length / 16) }, (_, line) => {
    const at = 16 * line;
    return `${at}: ${bytes.subarray(at, at + 16).toHex()}`;
  });
}
