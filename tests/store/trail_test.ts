/** A trail has the whole path of each node, and says truly what consecutive paths share. */
import { assert, assertEquals } from "@std/assert";
import { Glob } from "../../lib/store/glob.ts";
import { HiddenOnTrail } from "../../lib/store/hidden_on_trail.ts";
import { Redaction } from "../../lib/store/redaction.ts";
import { Trail } from "../../lib/store/trail.ts";
import { type Random, withSeed } from "../support/random.ts";

const NAMES = ["a", "ab", "abc", "b", "c", "x-passwd", "Secret1", "data", "n".repeat(300)];

function randomPath(random: Random): string {
  if (random.chance(0.05)) return random.pick(["@releaseDomain", "@introduceDomain"]);
  if (random.chance(0.05)) return "/";
  return Array.from({ length: 1 + random.below(6) }, () => `/${random.pick(NAMES)}`).join("");
}

function namesOf(path: string): string[] {
  return path === "/" || path[0] === "@" ? [] : path.slice(1).split("/");
}

/** Goes to `path` by its text, or to a child by its name. */
function go(trail: Trail, path: string, random: Random): string {
  if (trail.isSpecial || random.chance(0.5)) {
    trail.goTo(path);
    return path;
  }
  const names = namesOf(trail.text).slice(0, random.below(trail.depth + 1));
  const name = random.pick(NAMES);
  trail.enter(names.length + 1, name);
  return ["", ...names, name].join("/");
}

Deno.test("trail: each path is whole, and shares what is told with the last one", () => {
  withSeed((random) => {
    const trail = new Trail();
    const redaction = new Redaction(["/c/**", "/a/*/b", "/**/ab/?"]), hidden = redaction.onTrail();
    let told = "", shares = 0, hides = 0;
    for (let i = 0; i < 30_000; i++) {
      const path = go(trail, randomPath(random), random);
      assertEquals(trail.text, path);
      assertEquals(trail.length, path.length);
      assertEquals(trail.names.slice(0, trail.depth), namesOf(path));
      assertEquals(path.slice(0, trail.shared), told.slice(0, trail.shared));
      const names = namesOf(path).slice(0, trail.sharedDepth);
      assertEquals(names, namesOf(told).slice(0, trail.sharedDepth));
      if (random.chance(0.3)) continue;
      shares += trail.shared;
      assertEquals(hidden.hides(trail), redaction.hides(path), path);
      if (redaction.hides(path)) hides++;
      told = path;
      trail.mark();
    }
    assert(shares > 30_000 && hides > 3_000, `${shares} characters, ${hides} hidden`);
  });
});

Deno.test("trail: of a chain each name is looked at once", () => {
  const names: string[] = [];
  class Counting extends Glob {
    override step(...[state, name]: Parameters<Glob["step"]>): ReturnType<Glob["step"]> {
      names.push(name);
      return super.step(state, name);
    }
  }
  const hidden = new HiddenOnTrail([new Counting("/**/*a*b*")]), trail = new Trail();
  for (let depth = 1; depth <= 990; depth++) {
    trail.enter(depth, "a");
    assertEquals(trail.length - trail.shared, 2);
    assertEquals(hidden.hides(trail), false);
    trail.mark();
  }
  assertEquals(names.length, 990);
});
