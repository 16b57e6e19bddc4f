import { assertEquals, assertStrictEquals } from "@std/assert";
import { Versions } from "../../lib/store/versions.ts";
import { Draft } from "../../lib/store/draft.ts";
import { emptyWalk, lookup, visitAll, walk } from "../../lib/store/lookup.ts";
import { newNode } from "../../lib/store/node.ts";
import { parentPath } from "../../lib/store/path.ts";
import { withSeed } from "../support/random.ts";

const ORIGIN = { label: "test" };

function emptyDraft(): Draft {
  return new Draft(newNode("", 0, 0, [0]), new Versions(), SILENT);
}

const SILENT = { charge: (): void => {}, mention: (): void => {} };

Deno.test("lookup: nodes deeper than any request can name them are found", () => {
  const draft = emptyDraft();
  const paths: string[] = [];
  for (let path = "/d"; path.length < 10_000; path += "/d") paths.push(path);
  for (const path of paths) draft.create(path, [0], ORIGIN);
  for (const path of [paths[0]!, paths[2_000]!, paths.at(-1)!]) {
    const found = lookup(draft.root, path);
    assertEquals(found?.name, "d");
    const { above, aboveLength, node } = walk(draft.root, path, emptyWalk(draft.root));
    assertStrictEquals(node, found);
    assertStrictEquals(above, lookup(draft.root, parentPath(path)));
    assertEquals(aboveLength, path.length - 2);
  }
});

Deno.test("lookup: what was asked for before makes no difference", () => {
  const draft = emptyDraft();
  const paths = ["/a", "/a/b", "/a/b/c", "/ab", "/ab/c", "/a-b", "/b"];
  for (const path of paths) draft.create(path, [0], ORIGIN);
  for (const before of [...paths, "/", "/x", "/a/x/c", "/a/b/c/d"]) {
    for (const path of paths) {
      lookup(draft.root, before);
      const found = lookup(draft.root, path);
      assertEquals(found?.name, path.slice(path.lastIndexOf("/") + 1), `${path} after ${before}`);
    }
    assertEquals(lookup(draft.root, "/"), draft.root);
    assertEquals(lookup(draft.root, "/a/c"), null);
    const { above, aboveLength, node } = walk(draft.root, "/a/b/x/y", emptyWalk(draft.root));
    assertEquals([above.name, aboveLength, node], ["b", 4, null]);
  }
});

Deno.test("lookup: all nodes are visited once, each with the length of its path", () => {
  const draft = emptyDraft();
  const made = ["/"];
  withSeed((random) => {
    for (let i = 0; i < 500; i++) {
      const parent = random.pick(made);
      made.push(`${parent === "/" ? "" : parent}/${i}`);
      draft.create(made.at(-1)!, [i], ORIGIN);
    }
  });
  const visited: [name: string, length: number][] = [];
  visitAll(draft.root, 1, ({ name }, length) => visited.push([name, length]));
  const byName = ([a]: [string, number], [b]: [string, number]): number => Number(a) - Number(b);
  assertEquals(
    visited.sort(byName),
    made.map((path): [string, number] => [path.slice(path.lastIndexOf("/") + 1), path.length]),
  );
});
