import type { Source } from "../support/sources.ts";

/**
 * What each layer may use directly; it may also use whatever these may use. docs/architecture.md
 * says why.
 */
export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  "cmd": ["lib/server", "lib/client", "lib/archive", "lib/metrics", "lib/doctor"],
  "lib/doctor": ["lib/archive", "lib/metrics"],
  "lib/testing": ["lib/server", "lib/client"],
  "lib/server": ["lib/transport", "lib/history", "lib/codec"],
  "lib/archive": ["lib/history", "lib/journal", "lib/codec", "lib/client"],
  "lib/client": ["lib/wire", "lib/transport"],
  "lib/metrics": ["lib/client", "lib/engine"],
  "lib/history": ["lib/journal"],
  "lib/transport": ["ffi"],
  "lib/journal": ["lib/persist", "lib/codec", "ffi"],
  "lib/persist": ["lib/engine"],
  "lib/codec": ["lib/state"],
  "lib/engine": ["lib/state"],
  "lib/state": ["lib/store"],
  "lib/store": ["lib/wire"],
  "lib/wire": [],
  "ffi": [],
};

/** Files that every layer may use. */
const COMMON = new Set([
  "lib/clock.ts",
  "lib/files.ts",
  "lib/part_file.ts",
  "lib/limits.ts",
  "lib/std.d.ts",
  "deno.json",
]);

/** The layer of a file, by its path from the project's root; undefined for a file in none. */
export function layerOf(path: string): string | undefined {
  return Object.keys(LAYERS).find((layer) => path.startsWith(`${layer}/`));
}

/** All layers that a layer may use, with those below them. */
function reach(layer: string): Set<string> {
  const reached = new Set<string>([layer]);
  for (const at of reached) {
    for (const below of LAYERS[at] ?? []) reached.add(below);
  }
  return reached;
}

/** A path from the project's root for a relative specifier; undefined for a package. */
export function resolve(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

/** One line for each import that does not point down. */
export function wrongDirections(sources: readonly Source[]): string[] {
  const wrong: string[] = [];
  for (const source of sources) {
    const layer = layerOf(source.path);
    const allowed = layer === undefined ? new Set<string>() : reach(layer);
    for (const { specifier, line } of source.imports) {
      const target = resolve(source.path, specifier);
      if (target === undefined || COMMON.has(target)) continue;
      const below = layerOf(target);
      if (below !== undefined && allowed.has(below)) continue;
      wrong.push(`${source.path}:${line}: ${layer ?? "no layer"} may not use ${target}`);
    }
  }
  return wrong;
}

/**
 * One line for each import of a test or bench that leads into another suite: what several use is in
 * tests/support, which uses none of them.
 */
export function suiteCrossings(sources: readonly Source[]): string[] {
  const suiteOf = (path: string): string => path.split("/").slice(0, 2).join("/");
  return sources.flatMap(({ path, imports }) =>
    imports.flatMap(({ specifier, line }) => {
      const target = resolve(path, specifier);
      if (target === undefined || !target.startsWith("tests/")) return [];
      const suite = suiteOf(target);
      if (suite === "tests/support" || suite === suiteOf(path)) return [];
      return [`${path}:${line}: uses ${target}`];
    })
  );
}

/** The layers that LAYERS lets use each other, if any: there must be none. */
export function layerCycles(): string[] {
  const cycles: string[] = [];
  for (const layer of Object.keys(LAYERS)) {
    for (const below of LAYERS[layer] ?? []) {
      if (reach(below).has(layer)) cycles.push(`${layer} <-> ${below}`);
    }
  }
  return cycles;
}
