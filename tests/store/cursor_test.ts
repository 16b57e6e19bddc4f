import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { getChildIn } from "../../lib/store/children.ts";
import { Cursor, type Descent } from "../../lib/store/cursor.ts";
import { Versions } from "../../lib/store/versions.ts";
import { Draft } from "../../lib/store/draft.ts";
import { lookup, subtree } from "../../lib/store/lookup.ts";
import { newNode } from "../../lib/store/node.ts";
import { parentPath, ROOT_PATH } from "../../lib/store/path.ts";
import { PathSet } from "../../lib/store/path_set.ts";
import { inTreeOrder, newTouched } from "../../lib/engine/touched.ts";
import { inPathOrder, TouchedNodes } from "../../lib/engine/touched_nodes.ts";
import { sharedLength } from "../../lib/wire/text.ts";
import { type Random, withSeed } from "../support/random.ts";

const ORIGIN = { label: "a test" };
/** Some are the beginning of others, and one sorts before the slash. */
const NAMES = ["a", "a-b", "ab", "b", "0"];

function emptyDraft(): Draft {
  const silent = { charge: (): void => {}, mention: (): void => {} };
  const versions = new Versions();
  return new Draft(newNode("", 0, versions.nextEpoch(), [0]), versions, silent);
}

function randomPath(random: Random): string {
  let path = "";
  for (let depth = random.below(6); depth > 0; depth--) path += `/${random.pick(NAMES)}`;
  return path || ROOT_PATH;
}

function grow(random: Random, draft: Draft, nodes: number): void {
  for (let i = 0; i < nodes; i++) {
    const path = randomPath(random);
    const cursor = new Cursor(draft.root);
    if (cursor.find(path) === null) draft.create(path, [0], ORIGIN, cursor.nearestLength);
  }
}

Deno.test("cursor: finds what a lookup from the root finds, in any order", () => {
  withSeed((random) => {
    const draft = emptyDraft();
    grow(random, draft, 40);
    const cursor = new Cursor(draft.root);
    for (let i = 0; i < 3_000; i++) {
      const path = randomPath(random);
      const found = cursor.find(path);
      assertStrictEquals(found, lookup(draft.root, path), path);
      const nearest = path.slice(0, cursor.nearestLength) || ROOT_PATH;
      assertStrictEquals(cursor.nearest, lookup(draft.root, nearest), path);
      if (found !== null) assertStrictEquals(cursor.above, lookup(draft.root, parentPath(path)));
    }
  });
});

Deno.test("cursor: a draft's makes its own what it finds, and nothing else changes", () => {
  withSeed((random) => {
    for (let round = 0; round < 50; round++) {
      const draft = emptyDraft();
      grow(random, draft, 30);
      const before = draft.snapshot();
      const shown = [...subtree(before)].map(([path, { perms }]) => `${path} ${perms}`);
      const cursor = draft.cursor();
      const set = new Map<string, number>();
      for (let i = 1; i < 30; i++) {
        const path = randomPath(random);
        const node = cursor.find(path);
        assertEquals(node === null, lookup(before, path) === null);
        if (node === null) continue;
        draft.setPerms(path, [i], ORIGIN, node);
        set.set(path, i);
      }
      for (const [path, i] of set) assertEquals(lookup(draft.root, path)!.perms, [i]);
      assertEquals([...subtree(before)].map(([path, { perms }]) => `${path} ${perms}`), shown);
    }
  });
});

Deno.test("shared length: that of a loop, for texts of any length", () => {
  withSeed((random) => {
    for (let round = 0; round < 3_000; round++) {
      const shared = "/ab".repeat(random.below(random.chance(0.5) ? 8 : 700));
      const [a, b] = [random, random].map(() => `${shared}${randomPath(random)}`) as [
        string,
        string,
      ];
      let expected = 0;
      while (expected < a.length && expected < b.length && a[expected] === b[expected]) expected++;
      assertEquals(sharedLength(a, b), expected, `${a} ${b}`);
    }
  });
});

Deno.test("path set: knows what is above a path", () => {
  withSeed((random) => {
    for (let round = 0; round < 200; round++) {
      const set = new PathSet(), paths = new Set<string>();
      for (let i = random.below(10); i > 0; i--) {
        const path = randomPath(random);
        if (path === ROOT_PATH || paths.has(path)) continue;
        paths.add(path);
        set.add(path);
      }
      for (let i = 0; i < 20; i++) {
        const path = randomPath(random);
        const expected = [...paths].some((top) => path.startsWith(`${top}/`));
        assertEquals(set.hasAbove(path), expected, `${path} in ${[...paths]}`);
      }
    }
  });
});

function touchedAt(paths: Iterable<string>): TouchedNodes {
  const all = new TouchedNodes();
  for (const path of paths) {
    const touched = newTouched(path, all.size, null);
    touched.turn = all.size;
    all.add(touched);
  }
  return all;
}

Deno.test("tree order: parents first, siblings by turn", () => {
  withSeed((random) => {
    for (let round = 0; round < 100; round++) {
      const all = touchedAt(new Set(Array.from({ length: 20 }, () => randomPath(random))));
      // Not in the order of their turns, as where nodes were made again.
      const order = inTreeOrder([...all.values()].reverse());
      const at = new Map(order.map(({ touched }, i) => [touched.path, i]));
      for (const { above, touched: { path, turn } } of order) {
        assertEquals(above, parentPath(path));
        if (path !== ROOT_PATH && at.has(above)) assert(at.get(above)! < at.get(path)!, path);
        for (const other of order) {
          if (other.above !== above || other.touched.turn <= turn) continue;
          if (path === ROOT_PATH || other.touched.path === ROOT_PATH) continue;
          assert(at.get(other.touched.path)! > at.get(path)!, `${path} ${other.touched.path}`);
        }
      }
    }
  });
});

Deno.test("cursor: two deep chains touched in turns are walked once each", () => {
  const LEVELS = 990;
  const paths: string[] = [];
  for (let level = LEVELS; level >= 1; level--) {
    paths.push(`/a${"/a".repeat(level)}`, `/b${"/b".repeat(level)}`);
  }
  const draft = emptyDraft();
  draft.create(paths[0]!, [0], ORIGIN, 0);
  draft.create(paths[1]!, [0], ORIGIN, 0);
  const all = touchedAt(paths);
  const orders = [
    [...inPathOrder(all)].map(({ path }) => path),
    inTreeOrder([...all.values()]).map(({ above }) => above),
  ];
  for (const order of orders) {
    let steps = 0;
    const descend: Descent = ({ children }, ...rest) => {
      steps++;
      return getChildIn(children!, ...rest);
    };
    const cursor = new Cursor(draft.root, descend);
    for (const path of order) assert(cursor.find(path) !== null);
    assert(steps <= 2 * (LEVELS + 1), `${steps} steps`);
  }
});
