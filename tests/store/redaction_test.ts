/** Paths whose values are hidden, and the patterns that say so. */
import { assert, assertEquals } from "@std/assert";
import { Glob } from "../../lib/store/glob.ts";
import { Redaction } from "../../lib/store/redaction.ts";
import { type Random, withSeed } from "../support/random.ts";

Deno.test("redaction: what is hidden by default, and what is not", () => {
  const redaction = new Redaction();
  const hidden = [
    "/local/domain/5/data/set_clipboard",
    "/local/domain/5/data/report_clipboard",
    "/local/domain/5/data/report_clipboard/part",
    "/vm/0f9b4e52-7a3e-4d0c-9b0e-0c6b4d3f8a11/vncpasswd",
    "/local/domain/0/backend/vfb/5/0/vncpasswd",
    "/local/domain/0/backend/vfb/5/0/vnc-passwd",
    "/vm/0f9b4e52-7a3e-4d0c-9b0e-0c6b4d3f8a11/spicepasswd",
    "/local/domain/5/vm-data/AdminPassword",
    "/local/domain/5/data/host/resetpassword",
    "/local/domain/5/control/password/old",
    "/tool/secret",
    "/local/domain/7/luks-passphrase",
    "/local/domain/7/ssh-private-key",
    "/PASSWORD",
  ];
  const shown = [
    "/",
    "@introduceDomain",
    "/local/domain/5/data/clipboard",
    "/local/domain/5/name",
    "/local/domain/0/backend/vif/5/0/state",
    "/local/domain/data/set_clipboard",
    "/a/local/domain/5/data/set_clipboard",
    "/local/domain/5/pass",
    "/local/domain/5/key",
  ];
  for (const path of hidden) assertEquals(redaction.hides(path), true, path);
  for (const path of shown) assertEquals(redaction.hides(path), false, path);
  // And once more, as it is remembered.
  for (const path of hidden) assertEquals(redaction.hides(path), true, path);
});

Deno.test("redaction: an operator names more, a guest's path may be relative", () => {
  const redaction = new Redaction(["/tool/mine/**/token", "/local/domain/*/vm-data/k?y"]);
  assertEquals(redaction.hides("/tool/mine/token"), true);
  assertEquals(redaction.hides("/tool/mine/a/b/token/c"), true);
  assertEquals(redaction.hides("/tool/token"), false);
  assertEquals(redaction.hidesFor("vm-data/key", 5), true);
  assertEquals(redaction.hidesFor("data/set_clipboard", 5), true);
  assertEquals(redaction.hidesFor("data/other", 5), false);
  for (const invalid of ["/no//path", "/secret/key/", "/secret/key ", ""]) {
    assertEquals(redaction.hidesFor(invalid, 5), true, invalid);
  }
});

/** The same by trying everything. */
function slow(pattern: readonly string[], names: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return true;
  if (first === "**") {
    return slow(rest, names) || names.length > 0 && slow(pattern, names.slice(1));
  }
  return names.length > 0 && slowName(first, names[0]!) && slow(rest, names.slice(1));
}

function slowName(pattern: string, name: string): boolean {
  if (pattern === "") return name === "";
  if (pattern[0] === "*") {
    return slowName(pattern.slice(1), name) || name !== "" && slowName(pattern, name.slice(1));
  }
  return name !== "" && (pattern[0] === "?" || pattern[0] === name[0]) &&
    slowName(pattern.slice(1), name.slice(1));
}

function word(random: Random, signs: string, most: number): string {
  let text = "";
  for (let i = 1 + random.below(most); i > 0; i--) text += signs[random.below(signs.length)];
  return text;
}

Deno.test("globs: they match what trying everything finds", () => {
  withSeed((random) => {
    let matched = 0;
    for (let round = 0; round < 20_000; round++) {
      const pattern = Array.from(
        { length: 1 + random.below(4) },
        () => random.chance(0.25) ? "**" : word(random, "ab*?", 4),
      );
      // The form that nearly all redacted paths have.
      if (random.chance(0.2)) pattern.splice(0, 9, "**", `*${word(random, "ab", 3)}*`);
      const names = Array.from({ length: random.below(5) }, () => word(random, "ab", 4));
      const expected = slow(pattern, names);
      if (expected) matched++;
      const found = new Glob(`/${pattern.join("/")}`).matches(`/${names.join("/")}`);
      assertEquals(found, expected, `/${pattern.join("/")} and /${names.join("/")}`);
    }
    assert(matched > 1_000, `${matched} matched`);
  });
});

Deno.test("globs: the longest paths against the worst patterns take few steps", () => {
  const worst = [
    `/${"*a".repeat(500)}b`,
    `/${"**/".repeat(500)}b`,
    `/${"**/*a*a*a*a*a*a*a*a*b/".repeat(40)}b`,
    `/**/${"*".repeat(900)}b`,
  ];
  const paths = [
    `/${"a".repeat(3_000)}`,
    `${"/a".repeat(1_500)}`,
    `/${"a".repeat(1_500)}${"/a".repeat(700)}`,
  ];
  for (const pattern of worst) {
    const glob = new Glob(pattern);
    // By trying everything the first of them would not end in the life of the universe.
    for (const path of paths) assertEquals(glob.matches(path), false);
  }
});

Deno.test("redaction: what is remembered of a path is of that path", () => {
  const redaction = new Redaction();
  withSeed((random) => {
    for (let i = 0; i < 20_000; i++) {
      const name = random.pick(["state", "vncpasswd", "key"]);
      const path = `/local/domain/${random.below(2_000)}/${name}`;
      assertEquals(redaction.hides(path), name === "vncpasswd", path);
    }
  });
});
