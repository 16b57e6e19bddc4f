/** What of a store outlives a boot of the host. */
import { assertEquals } from "@std/assert";
import { keepFrom } from "../../lib/journal/previous_boot.ts";
import { check } from "../../lib/engine/recount.ts";
import { openStore } from "../../lib/journal/store_file.ts";
import { subtree } from "../../lib/store/lookup.ts";
import { formatPerms } from "../../lib/store/perms.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toText } from "../../lib/wire/text.ts";
import { makeScratch } from "../support/scratch.ts";
import { Hypervisor, Life } from "../support/lives.ts";

const NODES: readonly (readonly [string, string, string])[] = [
  ["/tool", "", "n0"],
  ["/tool/mine", "a", "b0"],
  ["/tool/mine/deep/er", "b", "n0"],
  ["/tool/minimal", "c", "n0\0r0"],
  ["/tool/other", "d", "n0"],
  ["/local/domain/1", "", "n1"],
  ["/local/domain/1/name", "guest", "n1\0r0\0b2"],
  ["/local/domain/0/name", "host", "r0\0w1\0r2"],
  ["/vm/x/y/name", "e", "n0"],
];

/** The nodes that are kept, with values and permissions. */
async function kept(...globs: string[]): Promise<Record<string, string>> {
  await using scratch = await makeScratch();
  const hypervisor = new Hypervisor(), path = `${scratch.path}/store`;
  for (const domid of [0, 1, 2]) hypervisor.create(domid);
  const life = new Life(hypervisor, path, undefined, "disk", "boot");
  for (const domid of [1, 2]) life.ask(0, T.INTRODUCE, `${domid}\0${1}\0${2 + domid}\0`);
  for (const [node, value, perms] of NODES) {
    life.ask(0, T.WRITE, `${node}\0${value}`);
    life.ask(0, T.SET_PERMS, `${node}\0${perms}\0`);
  }
  life.journal.commit();
  life.close();
  const { journal } = openStore(path, { durability: "disk", log: () => {} });
  const { entriesDropped, nodes, state } = keepFrom(journal, { globs, domid: 0 });
  journal.close();
  assertEquals(check(state), []);
  const found: Record<string, string> = { nodes: `${nodes}`, entriesDropped: `${entriesDropped}` };
  for (const [path, node] of subtree(state.tree.root)) {
    if (path === "/" || path === "/tool" || path === "/tool/xenstored") continue;
    found[path] = `${toText(node.value)} ${formatPerms(node.perms)}`;
  }
  return found;
}

Deno.test("kept: a node that is named, with all below it, value and permissions", async () => {
  assertEquals(await kept("/tool/mine"), {
    nodes: "3",
    entriesDropped: "0",
    "/tool/mine": "a b0",
    "/tool/mine/deep": " b0",
    "/tool/mine/deep/er": "b n0",
  });
});

Deno.test("kept: parents that are not named are empty and the control domain's", async () => {
  assertEquals(await kept("/vm/*/y"), {
    nodes: "2",
    entriesDropped: "0",
    "/vm": " n0",
    "/vm/x": " n0",
    "/vm/x/y": " n0",
    "/vm/x/y/name": "e n0",
  });
});

Deno.test("kept: permissions name no other domain any more", async () => {
  assertEquals(await kept("/local/domain/*/name"), {
    nodes: "2",
    entriesDropped: "4",
    "/local": " n0",
    "/local/domain": " n0",
    "/local/domain/0": " n0",
    "/local/domain/0/name": "host r0",
    "/local/domain/1": " n0",
    "/local/domain/1/name": "guest n0,r0",
  });
});

Deno.test("kept: the signs of a path, each within its bounds", async () => {
  const names = async (...globs: string[]): Promise<string[]> =>
    Object.keys(await kept(...globs)).filter((name) => name.startsWith("/")).sort();
  const mine = ["/tool/mine", "/tool/mine/deep", "/tool/mine/deep/er"];
  assertEquals(await names("/tool/min?"), mine);
  assertEquals(await names("/tool/min*"), [...mine, "/tool/minimal"]);
  assertEquals(await names("/tool/mi"), []);
  assertEquals(await names("/tool/mine/er"), []);
  assertEquals(await names("/*/mine"), mine);
  assertEquals(await names("/mine"), []);
  assertEquals(await names("/tool/other", "/tool/minimal"), ["/tool/minimal", "/tool/other"]);
  assertEquals(await names("/**/er"), mine);
  assertEquals((await names("/vm/**/name")).at(-1), "/vm/x/y/name");
  assertEquals((await names("/")).length, 15);
  assertEquals(await names("/nothing*"), []);
});
