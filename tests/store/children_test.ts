import { assert, assertEquals } from "@std/assert";
import {
  addChild,
  childNames,
  copyChildren,
  getChild,
  listChildren,
  noChildren,
  onlyChild,
  removeChild,
  replaceChild,
} from "../../lib/store/children.ts";
import { type Children, hashName, NO_VALUE, type Node } from "../../lib/store/node.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import { type Random, withSeed } from "../support/random.ts";

function child(children: Children, name: string): Node {
  return {
    name,
    hash: hashName(name),
    ordinal: children.ordinalNext++,
    epoch: children.epoch,
    value: NO_VALUE,
    perms: [0],
    children: null,
    generation: 0,
    origin: { label: "test" },
    mark: 0,
  };
}

function same(children: Children, model: ReadonlyMap<string, Node>): void {
  const names = [...model.keys()];
  assertEquals(children.size, names.length);
  assertEquals(listChildren(children).map((node) => node.name), names);
  assertEquals(toText(childNames(children)), names.map((name) => `${name}\0`).join(""));
  for (const [name, node] of model) {
    assertEquals(getChild(children, name) === node, true, name);
  }
}

/** Names of which each has another of the very same hash: some forty pairs in 600,000. */
function clashingNames(): string[] {
  const byHash = new Map<number, string>();
  const clashing: string[] = [];
  for (let i = 0; i < 600_000; i++) {
    const name = `${i.toString(36)}-${Math.imul(i, 0x9e3779b1).toString(36)}`;
    const other = byHash.get(hashName(name));
    if (other === undefined) byHash.set(hashName(name), name);
    else clashing.push(other, name);
  }
  return clashing;
}

function history(random: Random, names: readonly string[], steps: number): void {
  let children = noChildren(1);
  const model = new Map<string, Node>();
  const kept: [Children, Map<string, Node>][] = [];
  for (let step = 0; step < steps; step++) {
    const name = random.pick(names);
    const known = model.get(name);
    if (known === undefined) {
      const node = child(children, name);
      addChild(children, node);
      model.set(name, node);
    } else if (random.chance(0.6)) {
      removeChild(children, known);
      model.delete(name);
    } else {
      const other = { ...known, value: toBytes("other") };
      replaceChild(children, other);
      model.set(name, other);
    }
    if (random.chance(0.01)) {
      kept.push([children, new Map(model)]);
      children = copyChildren(children, children.epoch + 1);
    }
  }
  same(children, model);
  for (const [version, then] of kept) same(version, then);
  for (const node of [...model.values()]) {
    if (children.size === 1) assertEquals(onlyChild(children), node);
    else assertEquals(onlyChild(children), null);
    removeChild(children, node);
  }
  assertEquals(children.root, null, "branches are left when all children are gone");
  assertEquals(children.bytes, 0);
}

Deno.test("children: any history equals that of a Map, in every version kept", () => {
  const names = Array.from({ length: 300 }, (_, i) => `n${i.toString(36)}`);
  withSeed((random) => {
    for (let round = 0; round < 20; round++) history(random, names, 1000);
  });
});

Deno.test("children: names whose hashes clash are told apart", () => {
  const names = clashingNames();
  assert(names.length > 10);
  withSeed((random) => {
    for (let round = 0; round < 20; round++) history(random, names, 400);
  });
});
