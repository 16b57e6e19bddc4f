/** Files that import each other, directly or through others. */
import { resolve } from "./layers.ts";
import type { Source } from "../support/sources.ts";

/** What each file imports. */
function graphOf(sources: readonly Source[]): Map<string, string[]> {
  const paths = new Set(sources.map(({ path }) => path));
  return new Map(sources.map(({ path, imports }) => {
    const targets = new Set<string>();
    for (const { specifier } of imports) {
      const target = resolve(path, specifier);
      if (target !== undefined && paths.has(target)) targets.add(target);
    }
    return [path, [...targets]];
  }));
}

/** The files that `from` reaches over one import or more. */
function reached(graph: ReadonlyMap<string, readonly string[]>, from: string): Set<string> {
  const found = new Set<string>(graph.get(from));
  for (const path of found) for (const next of graph.get(path) ?? []) found.add(next);
  return found;
}

/** The imports that are part of a circle, type imports and late ones included: `from -> to`. */
export function circles(sources: readonly Source[]): string[] {
  const graph = graphOf(sources);
  const reach = new Map([...graph.keys()].map((path) => [path, reached(graph, path)]));
  return [...graph].flatMap(([path, targets]) =>
    targets.filter((target) => reach.get(target)!.has(path) || target === path)
      .map((target) => `${path} -> ${target}`)
  );
}
