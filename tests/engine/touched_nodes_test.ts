import { assert, assertEquals } from "@std/assert";
import { newTouched } from "../../lib/engine/touched.ts";
import { pathHash, TouchedNodes } from "../../lib/engine/touched_nodes.ts";
import { OWN_KEY_MAX } from "../../lib/limits.ts";

/** Paths of `levels` names, short and long ones. */
const pathOf = (top: string, levels: number): string => `/${top}${"/a".repeat(levels)}`;

Deno.test("touched nodes: each path finds its own, short or long, in the order in which they came", () => {
  const nodes = new TouchedNodes();
  const paths = ["x", "y"].flatMap((top) => [1, 60, 63, 64, 70, 900].map((n) => pathOf(top, n)));
  assert(paths.some(({ length }) => length === OWN_KEY_MAX));
  for (const [i, path] of paths.entries()) {
    assert(!nodes.has(path), path);
    nodes.add(newTouched(path, i, null));
  }
  assertEquals(nodes.size, paths.length);
  assertEquals([...nodes.values()].map(({ path }) => path), paths);
  for (const [i, path] of paths.entries()) assertEquals(nodes.get(path)?.index, i);
  assertEquals(nodes.get(pathOf("x", 899)), undefined);
  nodes.clear();
  assertEquals([nodes.size, nodes.has(paths.at(-1)!)], [0, false]);
});

Deno.test("touched nodes: long paths of one hash are told apart", () => {
  const nodes = new TouchedNodes(), hash = 7;
  const paths = ["x", "y", "z"].map((top) => pathOf(top, 100));
  for (const [i, path] of paths.entries()) nodes.add(newTouched(path, i, null), hash);
  for (const [i, path] of paths.entries()) assertEquals(nodes.get(path, hash)?.index, i);
  assertEquals(nodes.get(pathOf("w", 100), hash), undefined);
});

Deno.test("touched nodes: the hash of a path follows from that of a part of it", () => {
  const path = pathOf("x", 100);
  for (const from of [0, 1, 50]) {
    assertEquals(pathHash(path, path.length, from, pathHash(path, from)), pathHash(path));
  }
});
