import { assertEquals } from "@std/assert";
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
