/** What a user perhaps meant by a word that there is not. */

/** Words for what a command does, where it has another name. */
const SYNONYMS: Readonly<Record<string, string>> = {
  backup: "dump",
  compare: "diff",
  create: "mkdir",
  daemon: "serve",
  delete: "rm",
  export: "dump",
  import: "restore",
  load: "restore",
  monitor: "watch",
  permissions: "chmod",
  put: "write",
  remove: "rm",
  save: "dump",
  show: "ls",
  start: "serve",
  transaction: "tx",
};

/** Letters to insert, drop, replace or swap with their neighbour to make `b` of `a`. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + +!same);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwap) best = Math.min(best, rows[i - 2]![j - 2]! + 1);
      row.push(best);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}

/** The most edits between a typing error and a name: a third of its letters, and two at most. */
function slipMax(name: string): number {
  return Math.min(2, Math.floor(name.length / 3));
}

/** The one of `names` that `word` is most probably meant to be; null when none is near. */
export function suggest(word: string, names: readonly string[]): string | null {
  const synonym = SYNONYMS[word.toLowerCase()];
  if (synonym !== undefined && names.includes(synonym)) return synonym;
  let best: string | null = null;
  let least = Infinity;
  for (const name of names) {
    const far = distance(word.toLowerCase(), name);
    if (far <= slipMax(name) && far < least) [best, least] = [name, far];
  }
  if (best !== null) return best;
  const longer = names.filter((name) => word.length >= 2 && name.startsWith(word));
  return longer.length === 1 ? longer[0]! : null;
}
