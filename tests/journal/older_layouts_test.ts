/**
 * Store files of layout 1, made by xs 5de2c06: by its binary, stopped in order and killed by SIGKILL, and
 * by its journal with two guests, killed. Beside each is what was in it.
 */
import { assert, assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { check } from "../../lib/engine/recount.ts";
import { AUTO_VACUUM_INCREMENTAL, pragma } from "../../lib/journal/database.ts";
import { LAYOUT_VERSION } from "../../lib/journal/layout.ts";
import { openStore } from "../../lib/journal/store_file.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { makeScratch } from "../support/scratch.ts";
import { assertSurvives, Hypervisor, Life, wholeState } from "../support/lives.ts";

const OLD = new URL("./layout1/", import.meta.url);

async function unzipped(name: string): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    using file = await Deno.open(new URL(`${name}.gz`, OLD));
    const stream = file.readable.pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Puts a store's files at `path`; returns what was in it, a thing a line. */
async function putStore(name: string, path: string): Promise<string[]> {
  for (const companion of ["", "-wal", ".tail"]) {
    const bytes = await unzipped(`${name}.store${companion}`);
    if (bytes !== null) await Deno.writeFile(path + companion, bytes);
  }
  const lines = new TextDecoder("latin1").decode((await unzipped(`${name}.txt`))!);
  return lines.trimEnd().split("\n");
}

/** The lines of a state that the old ones tell, too: not quotas, of which there may be others now. */
function told(life: Life, of: readonly string[]): string[] {
  const isOfNodes = of.every((line) => line.startsWith("/"));
  return wholeState(life.state).filter((line) =>
    isOfNodes ? line.startsWith("/") : !/^quotas|^domain \d+ (true|false)/.test(line)
  );
}

function numberOf(path: string, name: string): number {
  using database = new DatabaseSync(path, { readOnly: true });
  return pragma(database, name);
}

for (const name of ["stopped", "killed", "guests"]) {
  Deno.test(`layout 1, ${name}: all of it is there, and the file is brought to the present`, async () => {
    await using scratch = await makeScratch();
    const path = `${scratch.path}/store`;
    const expected = await putStore(name, path);
    const hypervisor = new Hypervisor();
    for (const domid of [0, 1, 2]) hypervisor.create(domid);
    const life = new Life(hypervisor, path);
    assertEquals(told(life, expected), expected);
    assertEquals(check(life.state), []);
    assert(expected.length > 100, `${expected.length} lines`);
    life.ask(0, MessageType.WRITE, "/vm/2/uuid\0changed");
    life.ask(0, MessageType.SET_PERMS, "/vm/3/uuid\0n0\0r1\0");
    assertSurvives(life, hypervisor, `${scratch.path}/copy`);
    while (life.journal.maintain(true));
    assertSurvives(life, hypervisor, `${scratch.path}/copy2`);
    life.close();
    assertEquals(numberOf(path, "user_version"), LAYOUT_VERSION);
    assertEquals(numberOf(path, "auto_vacuum"), AUTO_VACUUM_INCREMENTAL, "it never gets smaller");
  });

  Deno.test(`layout 1, ${name}: who has only looked at it has changed nothing`, async () => {
    await using scratch = await makeScratch();
    const path = `${scratch.path}/store`;
    await putStore(name, path);
    const before = new Map(
      [...Deno.readDirSync(scratch.path)].map((file) =>
        [file.name, Deno.readFileSync(`${scratch.path}/${file.name}`)] as const
      ),
    );
    // Who dies before its journal begins leaves it so.
    const { journal } = openStore(path, { durability: "crash", log: () => {} });
    for (const [file, bytes] of before) {
      if (file.endsWith(".tail")) continue;
      assertEquals(Deno.readFileSync(`${scratch.path}/${file}`), bytes, file);
    }
    journal.close();
  });
}
