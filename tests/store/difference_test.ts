import { assert, assertEquals } from "@std/assert";
import { Accounts } from "../../lib/engine/accounts.ts";
import { differences } from "../../lib/store/difference.ts";
import { Versions } from "../../lib/store/versions.ts";
import { Draft } from "../../lib/store/draft.ts";
import { lookup, subtree } from "../../lib/store/lookup.ts";
import { newNode, type Node } from "../../lib/store/node.ts";
import { parentPath } from "../../lib/store/path.ts";
import { type Random, withSeed } from "../support/random.ts";

const ORIGIN = { label: "a test" };

function newDraft(versions: Versions): Draft {
  return new Draft(newNode("", 0, versions.nextEpoch(), [0]), versions, new Accounts());
}

function change(random: Random, draft: Draft): void {
  let path = "";
  for (let depth = 1 + random.below(3); depth > 0; depth--) path += `/n${random.below(40)}`;
  const exists = lookup(draft.root, path) !== null;
  if (exists && random.chance(0.3)) return draft.remove(path, ORIGIN);
  if (exists && random.chance(0.3)) {
    draft.setPerms(path, [random.below(3)], ORIGIN);
    return;
  }
  for (let to = path.indexOf("/", 1);; to = path.indexOf("/", to + 1)) {
    const part = to < 0 ? path : path.slice(0, to);
    if (lookup(draft.root, part) === null) draft.create(part, [0], ORIGIN);
    if (to < 0) break;
  }
  draft.setValue(path, new Uint8Array([random.below(3)]), ORIGIN);
}

/** What differs, found by looking at everything. */
function expected(before: Node, after: Node): string[] {
  const show = (node: Node | undefined): string =>
    node === undefined ? "none" : `${node.value} ${node.perms}`;
  const left = new Map(subtree(before)), right = new Map(subtree(after));
  const lines: string[] = [];
  for (const path of new Set([...left.keys(), ...right.keys()])) {
    const was = left.get(path), is = right.get(path);
    if (show(was) === show(is)) continue;
    // Of what is gone only the topmost is told.
    if (is === undefined && path !== "/" && !right.has(parentPath(path))) continue;
    lines.push(`${path}: ${show(was)} -> ${show(is)}`);
  }
  return lines.sort();
}

function found(before: Node, after: Node): string[] {
  const lines: string[] = [], seen = new Set<string>();
  const show = (node: Node | null): string =>
    node === null ? "none" : `${node.value} ${node.perms}`;
  for (const difference of differences(before, after)) {
    if (difference === null) continue;
    const { path, before: was, after: is } = difference;
    assert(!seen.has(path), `${path} comes twice`);
    seen.add(path);
    lines.push(`${path}: ${show(was)} -> ${show(is)}`);
  }
  return lines.sort();
}

Deno.test("differences: of two versions of a tree, and of trees that share nothing", () => {
  withSeed((random) => {
    for (let round = 0; round < 30; round++) {
      const versions = new Versions(), draft = newDraft(versions);
      for (let count = random.below(400); count > 0; count--) change(random, draft);
      const before = draft.snapshot();
      for (let count = random.below(40); count > 0; count--) change(random, draft);
      assertEquals(found(before, draft.root), expected(before, draft.root));
      const other = newDraft(versions);
      for (let count = random.below(400); count > 0; count--) change(random, other);
      assertEquals(found(before, other.root), expected(before, other.root));
      assertEquals(found(before, before), []);
    }
  });
});

Deno.test("differences: what two versions share is not looked at", () => {
  const draft = newDraft(new Versions());
  for (let i = 0; i < 20_000; i++) draft.create(`/n${i}`, [0], ORIGIN);
  const before = draft.snapshot();
  draft.setValue("/n77", new Uint8Array(1), ORIGIN);
  // Whoever looks at a node that is shared stumbles.
  const shared = lookup(draft.root, "/n78")!;
  Object.defineProperty(shared, "value", { get: () => assert(false, "looked at /n78") });
  assertEquals([...differences(before, draft.root)].filter((found) => found !== null).length, 1);
});
