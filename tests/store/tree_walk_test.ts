import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Draft } from "../../lib/store/draft.ts";
import { subtree } from "../../lib/store/lookup.ts";
import { newNode } from "../../lib/store/node.ts";
import { TreeWalk } from "../../lib/store/tree_walk.ts";
import { Versions } from "../../lib/store/versions.ts";
import { sharedLength } from "../../lib/wire/text.ts";
import { withSeed } from "../support/random.ts";

const ORIGIN = { label: "test" };
const SILENT = { charge: (): void => {}, mention: (): void => {} };

function emptyDraft(): Draft {
  return new Draft(newNode("", 0, 0, [0]), new Versions(), SILENT);
}

/** What a walk tells of a node, put together. */
function rebuilt(last: string, walk: TreeWalk): string {
  const rest = (walk.hasSlash ? "/" : "") + walk.node.name.slice(walk.nameFrom);
  return last.slice(0, walk.shared) + rest;
}

function assertWalk(root: Draft["root"]): void {
  const walk = new TreeWalk(root);
  let last = "";
  for (const [path, node] of subtree(root)) {
    assert(walk.next(), path);
    assertStrictEquals(walk.node, node);
    assertEquals(walk.path, path);
    if (last !== "") {
      assertEquals(rebuilt(last, walk), path);
      assertEquals(walk.shared, sharedLength(last, path), `${path} behind ${last}`);
    }
    last = path;
  }
  assertEquals(walk.next(), false);
}

Deno.test("walk: tells each node in order, and all that its path has in common with the last", () => {
  withSeed((random) => {
    const draft = emptyDraft();
    const made = ["/"];
    const names = new Set(made);
    for (let i = 0; i < 400; i++) {
      const parent = random.pick(made);
      const name = `${random.pick(["vif", "vbd", "v", "a-", "a", ""])}${random.below(30)}`;
      const path = `${parent === "/" ? "" : parent}/${name}`;
      if (names.has(path)) continue;
      draft.create(path, [0], ORIGIN);
      names.add(path);
      made.push(path);
    }
    assertWalk(draft.root);
  });
});

Deno.test("walk: a root alone, and a chain with another behind it", () => {
  const draft = emptyDraft();
  assertWalk(draft.root);
  for (const top of ["/a", "/ab"]) {
    for (let path = top; path.length < 200; path += "/a") draft.create(path, [0], ORIGIN);
  }
  assertWalk(draft.root);
});
