/** The store as it is written: by the journal, for dumps, for the next daemon. */
import { assertEquals } from "@std/assert";
import { makeScratch } from "../support/scratch.ts";
import { furnish, furnishWide } from "./furnish.ts";
import { assertGolden, golden } from "./golden.ts";
import { changesAfter, lastTurnOf, piecesOf, turnsOf } from "./store_bytes.ts";
import { type Client, World } from "./world.ts";

/** A dump by CONTROL, as `xs dump` asks for it. */
function dump(client: Client, what: string): Uint8Array<ArrayBuffer> {
  const [, job] = /^job (\d+)$/.exec(client.control("dump", what))!;
  const bytes: number[] = [];
  for (;;) {
    const piece = client.bytes("CONTROL", `archive\0${job}\0read\0`);
    if (piece.length === 0) return Uint8Array.from(bytes);
    bytes.push(...piece);
  }
}

async function withWorld(
  fill: (world: World) => void,
  use: (world: World, folder: string) => Promise<void>,
): Promise<void> {
  await using scratch = await makeScratch();
  const world = new World(`${scratch.path}/store`);
  try {
    fill(world);
    assertEquals(world.check(), []);
    await use(world, scratch.path);
  } finally {
    world.close();
  }
}

Deno.test("the journal's turns", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`;
  const world = new World(path);
  furnish(world);
  world.close();
  await assertGolden("turns.txt", turnsOf(path));
  await assertGolden("first-image.txt", piecesOf(path));
});

Deno.test("the journal's image of everything", async () => {
  await withWorld(furnish, async (world, folder) => {
    world.imageInto(`${folder}/image`);
    await assertGolden("image.txt", piecesOf(`${folder}/image`));
  });
});

Deno.test("the journal's image in several pieces", async () => {
  await withWorld(furnishWide, async (world, folder) => {
    world.imageInto(`${folder}/image`);
    const pieces = piecesOf(`${folder}/image`);
    await assertGolden("wide-image.txt.gz", pieces);
    assertEquals(pieces.split("\n").length, 5);
  });
});

Deno.test("what the next life finds, it writes as the last did", async () => {
  await withWorld(furnish, async (world, folder) => {
    world.copyFiles(`${folder}/next`);
    const next = new World(`${folder}/next`, { domains: world.domains });
    assertEquals(next.check(), []);
    next.imageInto(`${folder}/image`);
    await assertGolden("recovered-image.txt", piecesOf(`${folder}/image`));
    next.close();
    await assertGolden("recovered-turns.txt", turnsOf(`${folder}/next`));
  });
});

for (const [kind, version] of [["xs", 1], ["xs", 2], ["c", 1], ["c", 2]] as const) {
  Deno.test(`a live update's stream for ${kind}, version ${version}`, async () => {
    await withWorld(furnish, async (world) => {
      await assertGolden(
        `live-update-${kind}-v${version}.bin`,
        world.liveUpdateStream(kind, version),
      );
    });
  });
}

Deno.test("the stream of the next life for its next one", async () => {
  await withWorld(furnish, async (world, folder) => {
    world.copyFiles(`${folder}/next`);
    const next = new World(`${folder}/next`, { domains: world.domains });
    await assertGolden("recovered-live-update.bin", next.liveUpdateStream("xs", 2));
    next.close();
  });
});

for (const what of ["all", "1", "2", "3"]) {
  Deno.test(`a dump by CONTROL: ${what}`, async () => {
    await withWorld(furnish, async (world) => {
      await assertGolden(`dump-${what}.bin`, dump(world.connect("tool"), what));
    });
  });
}

Deno.test("a dump by CONTROL of many nodes", async () => {
  await withWorld(furnishWide, async (world) => {
    await assertGolden("wide-dump.bin.gz", dump(world.connect("tool"), "all"));
  });
});

for (const [name, ...words] of [["all"], ["domain-1", "1"], ["domain-2-as-3", "2:3"]]) {
  Deno.test(`the journal's turns of a restore: ${name}`, async () => {
    await using scratch = await makeScratch();
    const path = `${scratch.path}/store`;
    const world = new World(path);
    const client = world.connect("tool");
    furnishOther(world, client);
    world.close();
    const before = lastTurnOf(path);
    // Its ring pages stay; so do its clients' watches of the guests.
    const next = new World(path, { domains: world.domains });
    restore(next, await golden("dump-all.bin"), words);
    assertEquals(next.check(), []);
    next.imageInto(`${scratch.path}/image`);
    next.close();
    await assertGolden(`restore-${name}-turns.txt`, changesAfter(path, before));
    await assertGolden(`restore-${name}-image.txt`, piecesOf(`${scratch.path}/image`));
  });
}

/** Some of what is restored, and something else. */
function furnishOther(world: World, client: Client): void {
  for (const domid of [1, 3]) {
    world.domains.create(domid, BigInt(domid) << 40n | 0xabcn);
    client.ask("MKDIR", `/local/domain/${domid}\0`);
    client.ask("SET_PERMS", `/local/domain/${domid}\0n${domid}\0`);
    client.ask("INTRODUCE", `${domid}\0${1000 + domid}\0${domid + 20}\0`);
    world.guest(domid).ask("WRITE", "data/value\0as it was");
    world.guest(domid).ask("WATCH", "data\0own\0");
  }
  client.ask("WRITE", "/values/sixteen\0other");
  client.ask("WRITE", "/before\0is gone");
}

/** A restore by CONTROL, as `xs restore` asks for it. */
function restore(world: World, bytes: Uint8Array, words: readonly string[]): void {
  const client = world.connect("tool 2");
  const begun = client.control("restore", "-q", `${bytes.length}`, ...words);
  const [, job] = /^job (\d+)$/.exec(begun)!;
  for (let at = 0; at < bytes.length; at += 3_000) {
    const piece = String.fromCharCode(...bytes.subarray(at, at + 3_000));
    client.ask("CONTROL", `archive\0${job}\0put\0${piece}\0`);
  }
  assertEquals(client.control("archive", job!).split(" ")[0], "done");
}
