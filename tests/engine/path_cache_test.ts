import { assert, assertEquals } from "@std/assert";
import { PathCache } from "../../lib/engine/path_cache.ts";
import { namesOf } from "../../lib/store/names.ts";
import { hashName } from "../../lib/store/node.ts";
import { canonicalPath } from "../../lib/store/path.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { withSeed } from "../support/random.ts";

/** So many that some share a place with each text. */
const HOMES = Array.from({ length: 400 }, (_, domid) => `/local/domain/${domid}`);
const LONG = "n".repeat(127);
const TEXTS = [
  "/",
  "/a",
  "a",
  "/a/b",
  "a/b",
  "/a//b",
  "/a/",
  "",
  "@releaseDomain",
  "@x/1",
  "/b a",
  "\xff",
  LONG,
  `/${LONG}`,
  `/${LONG}/x`,
  "/local/domain/1/a",
];

/** How many of `texts`, each named twice and then once more, are checked a third time. */
function countForgotten(texts: readonly string[]): number {
  const known = new PathCache(), { test } = RegExp.prototype;
  const name = (text: string): void => void known.find(toBytes(text), text.length, "/home", false);
  for (let i = 0; i < 2; i++) texts.forEach(name);
  let count = 0;
  RegExp.prototype.test = function (text): boolean {
    count++;
    return test.call(this, text);
  };
  try {
    texts.forEach(name);
  } finally {
    RegExp.prototype.test = test;
  }
  return count;
}

Deno.test("known paths: texts that differ in their last characters do not take each other's places", () => {
  const numbers = Array.from({ length: 64 }, (_, i) => i);
  for (
    const shape of [
      "/bench/N",
      "/a/N",
      "/N",
      "/local/domain/N",
      "/local/domain/N/state",
      "N",
      "N/x",
    ]
  ) {
    const texts = numbers.map((n) => shape.replace("N", `${n}`));
    const forgotten = countForgotten(texts);
    assert(forgotten <= 4, `${shape}: ${forgotten} of 64`);
  }
  assertEquals(countForgotten(["/a", "/b"]), 0);
  assertEquals(countForgotten(Array.from({ length: 5_000 }, (_, i) => `/${i}`)) > 1_000, true);
});

Deno.test("known paths: what is remembered is what was checked, for everybody", () => {
  withSeed((random) => {
    const known = new PathCache();
    for (let i = 0; i < 100_000; i++) {
      // Many that share few places, between those that must not be taken for each other.
      const text = random.chance(0.5) ? random.pick(TEXTS) : `/x/${random.below(3_000)}`;
      const home = random.pick(HOMES);
      const specials = random.chance(0.5);
      const bytes = toBytes(`${text}\0${random.pick(TEXTS)}`);
      const expected = canonicalPath(text, home, specials);
      assertEquals(
        known.find(bytes, text.length, home, specials),
        expected,
        `'${text}' of ${home}`,
      );
      if (expected?.startsWith("/") !== true) continue;
      const names = expected.split("/").slice(1).filter((name) => name !== "");
      const { count, hashes } = namesOf(expected);
      assertEquals(hashes.slice(0, count), names.map(hashName));
    }
  });
});
