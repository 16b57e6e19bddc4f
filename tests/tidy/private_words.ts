/** Words that this project once used where the field has its own, and what they were put in place of. docs/style.md says how to write. */
export const PRIVATE_WORDS: ReadonlyMap<string, string> = new Map([
  ["afresh", "anew, reset"],
  ["aside", "deferred, left out, renamed"],
  ["asking", "the caller"],
  ["bury", "release"],
  ["dated", "with a date"],
  ["estate", "what the domain owned"],
  ["farewell", "last message"],
  ["heir", "next daemon"],
  ["kept", "stored, cached, remaining"],
  ["tend", "maintain, checkpoint"],
  ["told", "reported, configured, given"],
  ["untold", "unreported"],
]);

/** The words of a name: of `MemoryTold` and MEMORY_TOLD, memory and told. */
export function wordsOf(name: string): string[] {
  return (name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g) ?? []).map((word) => word.toLowerCase());
}

/** The private words in a name. */
export function privateWordsIn(name: string): string[] {
  return wordsOf(name).filter((word) => PRIVATE_WORDS.has(word));
}
