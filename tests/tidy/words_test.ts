/** The names in the code are the field's words. */
import { assert, assertEquals } from "@std/assert";
import { filesUnder, readText } from "../support/sources.ts";
import { PRIVATE_WORDS, privateWordsIn, wordsOf } from "./private_words.ts";

/** The identifiers of a TypeScript file, with the lines on which they stand. */
function identifiersOf(path: string, text: string): { name: string; line: number }[] {
  const found: { name: string; line: number }[] = [];
  const note = ({ name, range }: { name: string; range: readonly [number, number] }): void => {
    found.push({ name, line: text.slice(0, range[0]).split("\n").length });
  };
  const visitor: Deno.lint.LintVisitor = { Identifier: note, PrivateIdentifier: note };
  Deno.lint.runPlugin({ name: "words", rules: { read: { create: () => visitor } } }, path, text);
  return found;
}

function privateNames(path: string, text: string): string[] {
  // Most files have none, and then need no parser.
  if (!privateText.test(text)) return [];
  return identifiersOf(path, text).flatMap(({ name, line }) =>
    privateWordsIn(name).map((word) => `${path}:${line}: ${name} (${PRIVATE_WORDS.get(word)})`)
  );
}

const privateText = new RegExp([...PRIVATE_WORDS.keys()].join("|"), "i");

Deno.test("words: names are cut where their parts begin", () => {
  const names = ["MemoryTold", "MEMORY_TOLD", "#isKept", "tendAt", "attend", "toldX2", "XMLTold"];
  assertEquals(names.map((name) => wordsOf(name).join(" ")), [
    "memory told",
    "memory told",
    "is kept",
    "tend at",
    "attend",
    "told x",
    "xml told",
  ]);
  const text =
    "/** told */\nclass A {\n  #kept = 1; // kept\n}\nconst text = 'aside', asideOf = 1;\n";
  assertEquals(privateNames("a.ts", text), [
    "a.ts:3: kept (stored, cached, remaining)",
    "a.ts:5: asideOf (deferred, left out, renamed)",
  ]);
});

Deno.test("words: no name of the program, nor of a file, has a private word", () => {
  const files = ["lib", "cmd", "ffi", "scripts"].flatMap((folder) => filesUnder(folder, /\.ts$/));
  assert(files.length > 300, `only ${files.length} files were read`);
  const found = [...files, "mod.ts"].flatMap((path) => privateNames(path, readText(path)));
  assertEquals(found, []);
  const ofFiles = filesUnder("", /\.ts$/).flatMap((path) =>
    privateWordsIn(path).map((word) => `${path} (${PRIVATE_WORDS.get(word)})`)
  );
  assertEquals(ofFiles, []);
});
