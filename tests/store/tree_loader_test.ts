import { assert, assertEquals } from "@std/assert";
import { Accounts } from "../../lib/engine/accounts.ts";
import { Versions } from "../../lib/store/versions.ts";
import { Draft } from "../../lib/store/draft.ts";
import { listChildren } from "../../lib/store/children.ts";
import { lookup, subtree } from "../../lib/store/lookup.ts";
import { newNode } from "../../lib/store/node.ts";
import { parentPath, ROOT_PATH } from "../../lib/store/path.ts";
import { permEntry, type Perms } from "../../lib/store/perms.ts";
import { type LoadedNode, type TreeLoader, WHOLE } from "../../lib/store/tree_loader.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import { type Random, withSeed } from "../support/random.ts";

const ORIGIN = { label: "a test" };

function emptyTree(): { draft: Draft; accounts: Accounts } {
  const versions = new Versions(), accounts = new Accounts();
  const perms = [permEntry(0, 0)];
  accounts.charge(0, 1, 25);
  return {
    draft: new Draft(newNode("", 0, versions.nextEpoch(), perms), versions, accounts),
    accounts,
  };
}

/** Everything that loading may change, as lines. */
function told({ draft, accounts }: ReturnType<typeof emptyTree>): string[] {
  const nodes = [...subtree(draft.root)].map(([path, node]) => {
    const { children, generation, hash, name, ordinal, origin, perms, value } = node;
    const about = [name, hash, ordinal, generation, perms, toText(value), origin.label];
    const below = children && [children.size, children.bytes, children.ordinalNext];
    return JSON.stringify([path, about, below]);
  });
  const counted = accounts.domids().sort((a, b) => a - b).flatMap((domid) => {
    const { now } = accounts.of(domid);
    const isEmpty = Object.values(now).every((count) => count === 0);
    return isEmpty ? [] : [JSON.stringify([domid, now])];
  });
  const mentioned = accounts.mentioned().sort((a, b) => a - b).map((domid) =>
    JSON.stringify([domid, accounts.mentionsOf(domid)])
  );
  return [...nodes, ...counted, ...mentioned, `${draft.versions.generation}`];
}

const NAMES = ["a", "b", "ab", "abc", "state", "-", "@", "key000001", "key000002", "x".repeat(300)];

function randomPerms(random: Random): Perms {
  const count = 1 + random.below(3);
  return Array.from({ length: count }, () => permEntry(random.below(3), random.below(4)));
}

/** Paths near each other, as in a walk, or far from each other, as in turns. */
function nextPath(random: Random, before: string): string {
  const from = random.chance(0.5) ? before : parentPath(before);
  const base = random.chance(0.15) ? ROOT_PATH : from;
  if (random.chance(0.1)) return base;
  const below = `${base === ROOT_PATH ? "" : base}/${random.pick(NAMES)}`;
  return random.chance(0.05) ? `${below}/${random.pick(NAMES)}` : below;
}

/** Paths put together in one memory, each from the one before, as the journal's are read. */
class PathMemory {
  readonly bytes = new Uint8Array(8_192);
  #path = "";

  /** Puts a path there; returns how many bytes of the one before, or fewer, it leaves there. */
  put(random: Random, path: string): number {
    let shared = 0;
    while (shared < path.length && path[shared] === this.#path[shared]) shared++;
    if (random.chance(0.2)) shared = random.below(shared + 1);
    this.bytes.set(toBytes(path.slice(shared)), shared);
    this.#path = path;
    return shared;
  }
}

/** Tells a loader of a path in one of the three ways. */
function load(
  random: Random,
  loader: TreeLoader,
  memory: PathMemory,
  path: string,
  was: LoadedNode,
): boolean {
  if (random.chance(0.3)) return loader.loadPath(path, was);
  if (random.chance(0.3)) return loader.load(toBytes(`..${path}/`), 2, 2 + path.length, was);
  const shared = memory.put(random, path);
  return loader.load(memory.bytes, 0, path.length, was, WHOLE, shared);
}

/** With a loader of its own: it knows of no path before. */
function loadAlone(draft: Draft, path: string, was: LoadedNode): boolean {
  const loader = draft.loader(ORIGIN);
  const isLoaded = loader.loadPath(path, was);
  loader.end();
  return isLoaded;
}

Deno.test("tree loader: leaves what loading one by one, from the root down, leaves", () => {
  withSeed((random) => {
    let refused = 0, replaced = 0;
    for (let round = 0; round < 60; round++) {
      const plain = emptyTree(), loaded = emptyTree();
      let loader = loaded.draft.loader(ORIGIN);
      let path = ROOT_PATH;
      const memory = new PathMemory();
      for (let step = 0; step < 150; step++) {
        path = nextPath(random, path);
        const hasParent = lookup(plain.draft.root, parentPath(path)) !== null;
        const was = {
          value: toBytes("v".repeat(random.below(20))),
          perms: randomPerms(random),
          generation: hasParent ? random.below(1000) : 0,
          ordinal: lookup(plain.draft.root, path)?.ordinal ?? step,
        };
        const known = lookup(plain.draft.root, path) !== null;
        const done = loadAlone(plain.draft, path, was);
        const { added } = loader;
        assertEquals([done, load(random, loader, memory, path, was)], [hasParent, hasParent]);
        assertEquals(loader.added - added, hasParent && !known ? 1 : 0);
        if (!done) {
          refused++;
          if (random.chance(0.5)) path = parentPath(path);
        } else if (known) replaced++;
        if (!random.chance(0.05)) continue;
        loader.end();
        assertEquals(told(loaded), told(plain));
        // What is removed in between must not come back.
        const some = random.pick(NAMES);
        for (const { draft } of [plain, loaded]) {
          if (lookup(draft.root, `/${some}`) !== null) draft.remove(`/${some}`, ORIGIN);
        }
        if (random.chance(0.5)) {
          loaded.draft.snapshot();
          loader = loaded.draft.loader(ORIGIN);
        }
        path = ROOT_PATH;
      }
      loader.end();
      assertEquals(told(loaded), told(plain));
      for (const [at, node] of subtree(loaded.draft.root)) {
        for (const child of listChildren(node.children)) {
          const below = `${at === ROOT_PATH ? "" : at}/${child.name}`;
          assertEquals(lookup(loaded.draft.root, below), child);
        }
      }
    }
    assert(refused > 20 && replaced > 20, `${refused} refused, ${replaced} replaced`);
  });
});

Deno.test("tree loader: what it is loading does not show in a tree handed out before", () => {
  const tree = emptyTree();
  const was = { value: toBytes("1"), perms: [permEntry(0, 0)], generation: 1, ordinal: 0 };
  for (const path of ["/a", "/a/b", "/a/b/c"]) assert(loadAlone(tree.draft, path, was));
  const before = told(tree);
  const root = tree.draft.snapshot();
  const loader = tree.draft.loader(ORIGIN);
  const changed = { ...was, value: toBytes("22"), perms: [permEntry(1, 3)] };
  for (const path of ["/a/b/c", "/a/b/d", "/a/b", "/"]) {
    assert(loader.load(toBytes(path), 0, path.length, changed));
  }
  loader.end();
  const old = new Draft(root, new Versions(), new Accounts());
  const nodes = (lines: string[]): string[] => lines.filter((line) => line.startsWith('["/'));
  assertEquals(nodes(told({ draft: old, accounts: tree.accounts })), nodes(before));
  assertEquals(toText(lookup(tree.draft.root, "/a/b/c")!.value), "22");
});

Deno.test("tree loader: what is no absolute path is refused, and what follows is as if it had not been", () => {
  const was = { value: toBytes(""), perms: [permEntry(0, 0)], generation: 1, ordinal: 0 };
  for (
    const bad of ["", "a", "//", "/a/", "/a//b", "@releaseDomain", "/a b", "/a/\xe9", "/a\0", "a/b"]
  ) {
    const tree = emptyTree();
    const loader = tree.draft.loader(ORIGIN);
    assert(loader.load(toBytes("/a"), 0, 2, was));
    assertEquals(loader.load(toBytes(bad), 0, bad.length, was), false, bad);
    assertEquals(loader.loadPath(bad, was), false, bad);
    // Its last byte would be an `a`.
    assertEquals(loader.loadPath("/a/\u0161", was), false);
    assert(loader.load(toBytes("/a/b"), 0, 4, was), bad);
    loader.end();
    assertEquals([...subtree(tree.draft.root)].map(([path]) => path), ["/", "/a", "/a/b"]);
  }
});

Deno.test("tree loader: a path that was refused is not what the next one shares", () => {
  let ordinal = 0;
  const was = (): LoadedNode => (
    { value: toBytes(""), perms: [permEntry(0, 0)], generation: 1, ordinal: ++ordinal }
  );
  const tree = emptyTree();
  for (const path of ["/a", "/a/b", "/c", "/c/d"]) assert(loadAlone(tree.draft, path, was()));
  const loader = tree.draft.loader(ORIGIN);
  const bytes = toBytes("/c/d/e");
  assert(loader.load(bytes, 0, 6, was(), WHOLE, 0));
  assertEquals(loader.load(toBytes("/a/b/x/y"), 0, 8, was()), false);
  bytes[5] = 0x66;
  assert(loader.load(bytes, 0, 6, was(), WHOLE, 5));
  loader.end();
  const paths = ["/", "/a", "/a/b", "/c", "/c/d", "/c/d/e", "/c/d/f"];
  assertEquals([...subtree(tree.draft.root)].map(([path]) => path), paths);
});
