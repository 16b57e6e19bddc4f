/** All texts are plain English as far as a machine can tell: comments, messages, documents. */
import { assert, assertEquals } from "@std/assert";
import { filesUnder, readText } from "../support/sources.ts";
import { bannedIn, EVERYWHERE, SHOWN } from "./banned_words.ts";

/** A text and where it stands. */
interface Text {
  readonly at: string;
  readonly text: string;
}

/** Texts that other programs or old versions define, by what they contain. */
const OTHERS: readonly RegExp[] = [
  // What the stock tools print.
  /couldn't (?:start|end|read|write|recurse|set|remove|create)/,
  // In dumps of a golden version, byte for byte.
  /the port of the domain exception VIRQ: it is bound anew/,
];

function isOthers(text: string): boolean {
  return OTHERS.some((pattern) => pattern.test(text));
}

/** The comments of a TypeScript file, a line each. */
function comments(path: string, source: string): Text[] {
  return source.split("\n").flatMap((line, i) => {
    const found = /^\s*\/?\*+\s(.*)$/.exec(line) ?? /^\s*\/\/\s(.*)$/.exec(line) ??
      /[;{,)]\s\/\/\s(.*)$/.exec(line);
    return found === null ? [] : [{ at: `${path}:${i + 1}`, text: found[1]! }];
  });
}

/** The texts of a TypeScript file that have words: what it may show to people. */
function messages(path: string, source: string): Text[] {
  return source.split("\n").flatMap((line, i) => {
    if (/^\s*(?:\/?\*|\/\/)/.test(line)) return [];
    return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`?/g)]
      .map(([, plain, template]) => plain ?? template ?? "")
      .filter((text) => / /.test(text))
      .map((text) => ({ at: `${path}:${i + 1}`, text }));
  });
}

/** A document's prose, a line each: no code, no tables of figures, and no names of tests or commands. */
function prose(path: string, source: string): Text[] {
  const text = source.replace(
    /^```[\s\S]*?^```|^ {4}.*$|^\|.*\d \|$/gm,
    (code) => code.replace(/[^\n]/g, ""),
  )
    .replace(/`[^`]*`/g, (code) => code.replace(/[^\n]/g, "x"));
  return text.split("\n").map((line, i) => ({ at: `${path}:${i + 1}`, text: line }));
}

function found(texts: readonly Text[], lists: Parameters<typeof bannedIn>[1]): string[] {
  return texts.filter(({ text }) => !isOthers(text)).flatMap(({ at, text }) =>
    bannedIn(text, lists).map((what) => `${at}: ${what}: ${text.trim()}`)
  );
}

const program = ["lib", "cmd", "ffi", "scripts"].flatMap((folder) => filesUnder(folder, /\.ts$/));
const entries = ["mod.ts", "client.ts", "wire.ts", "testing.ts"];
const documents = [
  ...["README.md", "CONTRIBUTING.md", "SECURITY.md"],
  // The guide quotes what not to write.
  ...filesUnder("docs", /\.md$/).filter((path) => path !== "docs/style.md"),
];

Deno.test("texts: the patterns find what they are meant to find", () => {
  const source = [
    "/** Whoever asks. */",
    "const a = 1; // somebody else",
    "  // a second can't",
    'const text = "nobody is answered", other = `the ${x} is no path`;',
    "const cant = 1;",
  ].join("\n");
  assertEquals(comments("a.ts", source).map(({ text }) => text), [
    "Whoever asks. */",
    "somebody else",
    "a second can't",
  ]);
  assertEquals(messages("a.ts", source).map(({ text }) => text), [
    "nobody is answered",
    "the ${x} is no path",
  ]);
  assertEquals(found(comments("a.ts", source), EVERYWHERE).length, 3);
  assertEquals(found(messages("a.ts", source), SHOWN).length, 2);
  const page = "It can't.\n\n    can't\n\n`can't` is\nfine, for want of it\n";
  assertEquals(found(prose("a.md", page), EVERYWHERE).map((line) => line.slice(0, 6)), [
    "a.md:1",
    "a.md:6",
  ]);
});

Deno.test("texts: comments have none of the words that docs/style.md replaces", () => {
  const texts = [...program, ...entries].flatMap((path) => comments(path, readText(path)));
  assert(texts.length > 5_000, `only ${texts.length} comments were read`);
  assertEquals(found(texts, EVERYWHERE), []);
});

Deno.test("texts: neither have messages", () => {
  const texts = [...program, ...entries].flatMap((path) => messages(path, readText(path)));
  assert(texts.length > 1_000, `only ${texts.length} texts were read`);
  assertEquals(found(texts, [...EVERYWHERE, ...SHOWN]), []);
});

Deno.test("texts: neither have documents", () => {
  const texts = documents.flatMap((path) => prose(path, readText(path)));
  assertEquals(found(texts, [...EVERYWHERE, ...SHOWN]), []);
});

Deno.test("texts: a message has no full stop at its end, and begins with a small letter", () => {
  const thrown = /new (?:UsageError|CommandError|OptionError)\(\s*["`]([^"`]*)["`]/g;
  const texts = program.flatMap((path) =>
    [...readText(path).matchAll(thrown)].map(([, text]) => ({ at: path, text: text! }))
  );
  assert(texts.length > 30, `only ${texts.length} were found`);
  const odd = texts.filter(({ text }) => /^[A-Z][a-z]|\.$/.test(text));
  assertEquals(odd, []);
});
