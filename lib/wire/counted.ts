/** Plurals that no ending makes. */
const IRREGULAR: Readonly<Record<string, string>> = { child: "children" };

/** A count with its noun: `1 watch`, `2 watches`, `0 entries`. `noun` is the last word's singular. */
export function counted(count: number, noun: string): string {
  return `${count} ${count === 1 ? noun : pluralOf(noun)}`;
}

function pluralOf(noun: string): string {
  const last = noun.slice(noun.lastIndexOf(" ") + 1);
  const irregular = IRREGULAR[last];
  if (irregular !== undefined) return noun.slice(0, noun.length - last.length) + irregular;
  if (/[^aeiou]y$/.test(noun)) return `${noun.slice(0, -1)}ies`;
  return /(?:ch|sh|s|x)$/.test(noun) ? `${noun}es` : `${noun}s`;
}
