/** What changed on a tree, whatever was done to it in between: each path once, from first to last. */
import { assert, assertEquals } from "@std/assert";
import { Accounts } from "../../lib/engine/accounts.ts";
import { Draft } from "../../lib/store/draft.ts";
import { lookup, subtree } from "../../lib/store/lookup.ts";
import { newNode, type Node } from "../../lib/store/node.ts";
import { parentPath } from "../../lib/store/path.ts";
import { type NodeState, TreeChanges } from "../../lib/store/tree_changes.ts";
import { Versions } from "../../lib/store/versions.ts";
import { type Random, withSeed } from "../support/random.ts";

const ORIGIN = { label: "a test" };

function show(node: NodeState | null): string {
  return node === null ? "none" : `${node.value} ${node.perms}`;
}

function change(random: Random, draft: Draft): void {
  let path = "";
  for (let depth = 1 + random.below(4); depth > 0; depth--) path += `/n${random.below(3)}`;
  const exists = lookup(draft.root, path) !== null;
  if (exists && random.chance(0.35)) return draft.remove(path, ORIGIN);
  if (exists && random.chance(0.3)) return void draft.setPerms(path, [random.below(3)], ORIGIN);
  if (!exists) {
    let above = parentPath(path);
    while (lookup(draft.root, above) === null) above = parentPath(above);
    draft.create(path, [0], ORIGIN, above === "/" ? 0 : above.length);
  }
  if (random.chance(0.7)) draft.setValue(path, new Uint8Array([random.below(3)]), ORIGIN);
}

/** Another tree that grew from that of `draft`, or from nothing. */
function grown(random: Random, draft: Draft, versions: Versions): Draft {
  const root = random.chance(0.7)
    ? draft.snapshot()
    : newNode("", 0, versions.nextEpoch(), draft.root.perms);
  const other = new Draft(root, versions, new Accounts());
  for (let count = random.below(12); count > 0; count--) change(random, other);
  // It takes the place of the other even if nothing was changed in it.
  other.setValue("/", new Uint8Array([random.below(3)]), ORIGIN);
  return other;
}

function linesOf(root: Node): Map<string, string> {
  return new Map([...subtree(root)].map(([path, node]) => [path, show(node)]));
}

Deno.test("tree changes: each path is told once, with its first and its last state", () => {
  withSeed((random) => {
    let told = 0;
    for (let round = 0; round < 3_000; round++) {
      const versions = new Versions();
      const root = newNode("", 0, versions.nextEpoch(), [0]);
      const draft = new Draft(root, versions, new Accounts(), null, true);
      for (let count = random.below(20); count > 0; count--) change(random, draft);
      const changes = draft.observer = new TreeChanges();
      for (let commit = 0; commit < 3; commit++) {
        const before = linesOf(draft.root);
        for (let count = random.below(16); count > 0; count--) {
          if (random.chance(0.05)) draft.adopt(grown(random, draft, versions));
          else change(random, draft);
        }
        const after = linesOf(draft.root), seen = new Set<string>();
        changes.visit(
          draft.root,
          (path) => lookup(draft.root, path),
          ({ text: path }, old, now) => {
            assert(!seen.has(path), `${path} is told twice`);
            seen.add(path);
            assertEquals(show(old), before.get(path) ?? "none", `${path} before`);
            assertEquals(show(now), after.get(path) ?? "none", `${path} after`);
            told++;
            return true;
          },
        );
        for (const path of new Set([...before.keys(), ...after.keys()])) {
          if (before.get(path) !== after.get(path)) assert(seen.has(path), `${path} is not told`);
        }
        changes.clear();
        assertEquals(changes.isEmpty, true);
      }
    }
    assert(told > 10_000, `${told}`);
  });
});

Deno.test("tree changes: of a deep chain each node is found from the one above it, not from the root", () => {
  const versions = new Versions();
  const root = newNode("", 0, versions.nextEpoch(), [0]);
  const draft = new Draft(root, versions, new Accounts(), null, true);
  const changes = draft.observer = new TreeChanges();
  const path = "/d".repeat(990);
  draft.create(path, [0], ORIGIN, 0);
  const find = (): never => {
    throw new Error("a path is looked up from the root");
  };
  let told = 0;
  changes.visit(draft.root, find, ({ shared, length }) => {
    assert(told++ === 0 || length - shared === 2, `${length - shared} new characters`);
    return true;
  });
  assertEquals(told, 990);
});
