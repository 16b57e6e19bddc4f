/** A count that may be 1 is printed with its noun by `counted`, so that no text says "1 nodes". */
import { assertEquals } from "@std/assert";
import { filesUnder, readText } from "../support/sources.ts";

/** Nouns of which there may be one. */
const NOUNS =
  "calls|changes|children|clients|commits|connections|differences|domains|messages|nodes|" +
  "paths|records|requests|rings|sockets|transactions|watches";

/** A value in a template, then such a noun; constants are never 1. */
const UNCOUNTED = new RegExp(`\\$\\{(?![A-Z0-9_]+\\})[^{}]*\\} (?:[a-z]+ )?(?:${NOUNS})\\b`);

/** What prints a unit or a word of a protocol, and no count. */
const OTHERS: readonly RegExp[] = [
  /requests\/s/,
  /of requests/,
  /would (?:touch|have)/,
  /good`/,
  /records, \$\{length\} bytes/,
];

Deno.test("texts say '1 node', not '1 nodes'", () => {
  const found: string[] = [];
  for (const path of ["lib", "cmd"].flatMap((folder) => filesUnder(folder, /\.ts$/))) {
    // Streams' decoders tell counts of which more than one is wrong.
    if (path.startsWith("lib/codec/")) continue;
    for (const [i, line] of readText(path).split("\n").entries()) {
      if (UNCOUNTED.test(line) && !OTHERS.some((other) => other.test(line))) {
        found.push(`${path}:${i + 1}: ${line.trim()}`);
      }
    }
  }
  assertEquals(found, []);
});
