import { assert, assertEquals } from "@std/assert";
import { Accounts } from "../../lib/engine/accounts.ts";
import { Connection } from "../../lib/engine/connection.ts";
import {
  heardIn,
  type Listeners,
  type Removed,
  type Watch,
  Watches,
} from "../../lib/engine/watches.ts";
import { Versions } from "../../lib/store/versions.ts";
import { Draft } from "../../lib/store/draft.ts";
import { lookup, subtree } from "../../lib/store/lookup.ts";
import { newNode } from "../../lib/store/node.ts";
import { parentPath } from "../../lib/store/path.ts";
import { type Random, withSeeds } from "../support/random.ts";

const ALL: Listeners = { hears: () => true };

/** Names that begin alike, so that chains part in the middle of each other. */
const NAMES = ["a", "b", "ab", "abc", "a-long-name-of-its-own", "a-long-name-of-its-two"];
const SPECIALS = ["@releaseDomain", "@introduceDomain", "@releaseDomain/3"];

function randomPath(random: Random): string {
  if (random.chance(0.03)) return "/";
  if (random.chance(0.05)) return random.pick(SPECIALS);
  let path = "";
  // Mostly one way down, so that there are long chains.
  const count = random.chance(0.2) ? 1 + random.below(30) : 1 + random.below(5);
  for (let i = 0; i < count; i++) path += `/${random.chance(0.6) ? "a" : random.pick(NAMES)}`;
  return path;
}

function isAtOrBelow(path: string, top: string): boolean {
  return top === "/" || path === top || path.startsWith(`${top}/`);
}

function countLevels(path: string): number {
  return path === "/" ? 0 : path.split("/").length - 1;
}

/** All watches in a list: what the trie has to tell, found by looking at each. */
class Model {
  readonly all: Watch[] = [];

  at(path: string): Watch[] {
    return this.#sorted((watch) => {
      if (path.startsWith("@") || watch.path.startsWith("@")) return watch.path === path;
      if (!isAtOrBelow(path, watch.path)) return false;
      return watch.depth < 0 || countLevels(path) - countLevels(watch.path) <= watch.depth;
    });
  }

  on(path: string): Watch[] {
    return this.#sorted((watch) => watch.path === path);
  }

  #sorted(wanted: (watch: Watch) => boolean): Watch[] {
    return this.all.filter(wanted).sort((a, b) => a.connection.id - b.connection.id || a.id - b.id);
  }
}

/** Deepest first, siblings in creation order, as {@link Watches.below} tells them. */
function removedBelow(model: Model, draft: Draft, path: string): string[] {
  const lines: string[] = [];
  const visit = (at: string): void => {
    const node = lookup(draft.root, at)!;
    const below = [...subtree(node, at)].filter(([other]) =>
      other !== at && parentPath(other) === at
    ).sort(([, a], [, b]) => a.ordinal - b.ordinal);
    for (const [child] of below) visit(child);
    const watches = model.on(at);
    if (at !== path && watches.length > 0) lines.push(`${at} ${watches.map(({ id }) => id)}`);
  };
  visit(path);
  return lines;
}

function showRemoved(removed: readonly Removed[], draft: Draft): string[] {
  return removed.map(({ groups, node, parent, path }) => {
    assertEquals(node, lookup(draft.root, path));
    assertEquals(parent, lookup(draft.root, parentPath(path)));
    return `${path} ${heardIn(groups, ALL).map(({ id }) => id)}`;
  });
}

function create(draft: Draft, path: string): void {
  for (let to = path.indexOf("/", 1);; to = path.indexOf("/", to + 1)) {
    const part = to < 0 ? path : path.slice(0, to);
    if (lookup(draft.root, part) === null) draft.create(part, [0], { label: "a test" });
    if (to < 0) return;
  }
}

function newConnection(id: number): Connection {
  const outbox = { reply: () => {}, event: () => {} };
  return new Connection(id, false, "/", { kind: "ring", domid: id, label: "", outbox });
}

function history(random: Random): void {
  const versions = new Versions();
  const draft = new Draft(newNode("", 0, versions.nextEpoch(), [0]), versions, new Accounts());
  for (let i = 0; i < 40; i++) {
    const path = randomPath(random);
    if (path.length > 1 && !path.startsWith("@")) create(draft, path);
  }
  const connections = [1, 2, 3].map(newConnection);
  const watches = new Watches();
  const model = new Model();
  for (let step = 0; step < 400; step++) {
    // Grows for a while, then shrinks to nothing.
    if (model.all.length > 0 && random.chance(step < 200 ? 0.3 : 0.7)) {
      const [gone] = model.all.splice(random.below(model.all.length), 1);
      watches.remove(gone!);
    } else {
      const watch: Watch = {
        id: watches.nextId(),
        connection: random.pick(connections),
        path: random.chance(0.3) && model.all.length > 0
          ? random.pick(model.all).path
          : randomPath(random),
        relative: false,
        token: "",
        depth: random.chance(0.2) ? random.below(4) : -1,
        group: null,
        index: 0,
      };
      watches.add(watch);
      model.all.push(watch);
    }
    const paths = new Set(model.all.map(({ path }) => path));
    const count = watches.countPlaces();
    assert(count <= 2 * paths.size + 1, `${count} places for ${paths.size} paths`);
    for (let i = 0; i < 3; i++) {
      const path = random.chance(0.5) && model.all.length > 0
        ? random.pick(model.all).path
        : randomPath(random);
      assertEquals(
        watches.at(path, ALL).map(({ id }) => id),
        model.at(path).map(({ id }) => id),
        path,
      );
      const node = path.startsWith("@") ? null : lookup(draft.root, path);
      if (node === null) continue;
      assertEquals(
        showRemoved(watches.below(path, node), draft),
        removedBelow(model, draft, path),
        path,
      );
    }
  }
}

Deno.test("the trie of watches tells what a list of all watches tells", () => {
  withSeeds((random) => {
    for (let round = 0; round < 8; round++) history(random);
  });
});
