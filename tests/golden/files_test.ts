/** Store files that earlier daemons left, read by `xs dump` and taken up by the next daemon. */
import { assertEquals } from "@std/assert";
import { MemoryDomains } from "../../lib/server/domains/memory_domains.ts";
import { makeScratch } from "../support/scratch.ts";
import { dump } from "./commands.ts";
import { assertGolden, FILES, unpacked } from "./golden.ts";
import { piecesOf, turnsOf } from "./store_bytes.ts";
import { World } from "./world.ts";

const LAYOUT1 = new URL("../journal/layout1/", import.meta.url).pathname;

/** Store files by name, where they are, and what the golden files of their contents are called. */
const STORES = [
  ["layout1-stopped", `${LAYOUT1}stopped`, "layout1"],
  ["layout1-killed", `${LAYOUT1}killed`, "layout1"],
  ["layout1-guests", `${LAYOUT1}guests`, "layout1-guests"],
  ["layout2-killed", `${FILES}layout2-killed`, "layout2"],
  ["layout2-stopped", `${FILES}layout2-stopped`, "layout2"],
] as const;

/** Puts a store's files at `path`. */
async function unpackStore(store: string, path: string): Promise<void> {
  for (const companion of ["", "-wal", ".tail"]) {
    const packed = `${store}.store${companion}.gz`;
    if (companion !== "" && store.endsWith("stopped")) continue;
    await Deno.writeFile(path + companion, await unpacked(packed));
  }
}

for (const [name, store, contents] of STORES) {
  Deno.test(`a store file, ${name}, as JSON`, async () => {
    await using scratch = await makeScratch();
    await unpackStore(store, `${scratch.path}/store`);
    const [bytes, notes] = await dump(`${scratch.path}/store`, "--format", "json");
    assertEquals(notes, "");
    await assertGolden(`read-${contents}.jsonl.gz`, bytes);
  });

  Deno.test(`a store file, ${name}, is taken up`, async () => {
    await using scratch = await makeScratch();
    const path = `${scratch.path}/store`;
    await unpackStore(store, path);
    // Domain 3 has died meanwhile, and what the first layout's test calls 1 and 2 is known by these ids.
    const domains = new MemoryDomains();
    for (const domid of [1, 2]) {
      const uniqueId = name === "layout1-guests" ? domid + 1 : 0xabc + domid * 2 ** 40;
      domains.create(domid, BigInt(uniqueId));
    }
    const world = new World(path, { domains });
    assertEquals(world.check(), []);
    world.imageInto(`${scratch.path}/image`);
    world.close();
    await assertGolden(`taken-up-${contents}-image.txt.gz`, piecesOf(`${scratch.path}/image`));
    if (contents === "layout2") await assertGolden("taken-up-layout2-turns.txt", turnsOf(path));
  });
}
