import { assert, assertEquals } from "@std/assert";
import { keepNames, namesOf, parentOf, takeNames } from "../../lib/store/names.ts";
import { hashName } from "../../lib/store/node.ts";
import { parentPath } from "../../lib/store/path.ts";

const PATHS = ["/", "/a", "/a/b", "/some/longer/path/of/names", `${"/x".repeat(1_500)}`, "/b/a"];

/** What {@link namesOf} is to give, found in another way. */
function expected(path: string): { names: string[]; hashes: number[] } {
  const names = path === "/" ? [] : path.slice(1).split("/");
  return { names, hashes: names.map(hashName) };
}

function found(path: string): { names: string[]; hashes: number[] } {
  const { count, ends, hashes } = namesOf(path);
  const names = ends.slice(0, count).map((to, i) => path.slice(i === 0 ? 1 : ends[i - 1]! + 1, to));
  return { names, hashes: hashes.slice(0, count) };
}

Deno.test("names: to find a parent splits no path, so that a chain's nodes cost what each adds", () => {
  const [one, other] = ["/a/b", `${"/x".repeat(1_500)}`], names = keepNames(one);
  takeNames(one, names);
  assertEquals(parentOf(other), other.slice(0, -2));
  assert(namesOf(one) === names);
});

Deno.test("names: those of each path, whatever was asked for before and is kept", () => {
  const kept = new Map(PATHS.map((path) => [path, keepNames(path)]));
  for (const before of PATHS) {
    for (const path of PATHS) {
      takeNames(before, kept.get(before)!);
      assertEquals(found(path), expected(path));
      assertEquals(found(before), expected(before));
      assertEquals(parentOf(path), parentPath(path));
      assertEquals(parentOf(before), parentPath(before));
    }
  }
});
