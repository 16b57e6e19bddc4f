/** A daemon that is killed while a dead domain's traces are being removed leaves none to the next holder. */
import { assert, assertEquals } from "@std/assert";
import { subtree } from "../../lib/store/lookup.ts";
import { permDomid } from "../../lib/store/perms.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { makeScratch } from "../support/scratch.ts";
import { Hypervisor, Life } from "../support/lives.ts";

/** More than a turn looks at. */
const NODES = 8_000;

/** Paths at which domain 1 is named. */
function namedAt({ state }: Life): string[] {
  return [...subtree(state.tree.root)]
    .filter(([, { perms }]) => perms.some((entry) => permDomid(entry) === 1))
    .map(([path]) => path);
}

for (const imaged of [false, true]) {
  const how = imaged ? ", an image having been made since" : "";
  Deno.test(`a death that was not dealt with to its end is in the next life${how}`, async () => {
    await using scratch = await makeScratch();
    const hypervisor = new Hypervisor();
    const path = `${scratch.path}/store`;
    const life = new Life(hypervisor, path, {
      imageAfterBytes: 2_000,
      pagesPerCheckpoint: 10,
      rowsDeletedMax: 1_000,
      drainBytes: 500,
    });
    hypervisor.create(1);
    life.ask(0, MessageType.INTRODUCE, "1\x001\x005\0");
    for (let i = 0; i < NODES; i++) {
      life.ask(0, MessageType.MKDIR, `/big/${i % 100}/n${i}\0`);
      if (i % 50 === 0) assert(life.journal.commit());
    }
    // In many directories, so that some are looked at last.
    for (let i = 0; i < 100; i++) {
      life.ask(0, MessageType.SET_PERMS, `/big/${i}/n${i}\0n0\0r1\0`);
    }
    assert(life.journal.commit());
    hypervisor.destroy(1);
    life.engine.domainsChanged();
    assert(life.engine.due, "all was done at once");
    assert(life.journal.commit());
    for (let i = 0; imaged && i < 400; i++) {
      life.ask(0, MessageType.WRITE, `/other\0${i}`);
      assert(life.journal.commit());
      life.journal.maintain(true);
    }
    const left = namedAt(life).length;
    assert(left > 0 && left < 100, `${left} left`);
    life.journal.close();

    const next = new Life(hypervisor, path);
    assertEquals(namedAt(next), []);
    hypervisor.create(1);
    next.ask(0, MessageType.INTRODUCE, "1\x001\x005\0");
    assertEquals(next.ask(1, MessageType.WRITE, "/big/1/n1\0v"), "ERROR EACCES\0");
    next.close();
  });
}
