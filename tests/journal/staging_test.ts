/** A tree that is staged turn by turn counts from its adoption on, and not a moment before. */
import { assertEquals } from "@std/assert";
import { Draft } from "../../lib/store/draft.ts";
import { lookup, subtree } from "../../lib/store/lookup.ts";
import { newNode } from "../../lib/store/node.ts";
import { permEntry } from "../../lib/store/perms.ts";
import { Accounts } from "../../lib/engine/accounts.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { makeScratch } from "../support/scratch.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { assertSurvives, Hypervisor, Life } from "../support/lives.ts";

const ORIGIN = { label: "a test" };

/** Stages a small tree, a turn a node; `between` is what is done meanwhile. */
function stage(life: Life, between: () => void = () => {}): Draft {
  const { state } = life;
  const perms = [permEntry(0, 0)];
  const root = newNode("", 0, state.versions.nextEpoch(), perms);
  const draft = new Draft(root, state.versions, new Accounts());
  draft.create("/new", perms, ORIGIN);
  draft.create("/new/below", perms, ORIGIN);
  draft.setValue("/new/below", toBytes("value"), ORIGIN);
  for (const [path, node] of subtree(draft.root)) {
    life.journal.stage(path, node);
    assertEquals(life.journal.commit(), true);
    between();
  }
  return draft;
}

Deno.test("staging: a tree that was not adopted leaves nothing", async () => {
  await using scratch = await makeScratch();
  const hypervisor = new Hypervisor(), copy = `${scratch.path}/copy`;
  const life = new Life(hypervisor, `${scratch.path}/store`);
  life.ask(0, MessageType.WRITE, "/old\0value");
  stage(life);
  assertSurvives(life, hypervisor, copy);
  life.journal.endStaging(false);
  assertSurvives(life, hypervisor, copy);
  life.close();
});

Deno.test("staging: an adopted tree is the store, also after one that came to nothing", async () => {
  await using scratch = await makeScratch();
  const hypervisor = new Hypervisor(), copy = `${scratch.path}/copy`;
  const life = new Life(hypervisor, `${scratch.path}/store`);
  life.ask(0, MessageType.WRITE, "/old\0value");
  stage(life);
  life.journal.endStaging(false);
  const draft = stage(life);
  life.ask(0, MessageType.WRITE, "/between\0value");
  life.journal.adoptStaged();
  life.journal.commit();
  life.copyFiles(copy);
  life.close();
  const next = new Life(hypervisor, copy);
  assertEquals(lookup(next.state.tree.root, "/old"), null);
  assertEquals(lookup(next.state.tree.root, "/between"), null);
  assertEquals([...subtree(next.state.tree.root)].map(([path]) => path), [
    "/",
    "/new",
    "/new/below",
  ]);
  const generation = lookup(draft.root, "/new/below")!.generation;
  assertEquals(lookup(next.state.tree.root, "/new/below")!.generation, generation);
  next.ask(0, MessageType.WRITE, "/later\0value");
  assertSurvives(next, hypervisor, `${copy}2`);
  next.close();
});

Deno.test("staging: no image is made while a tree is staged, which would leave it out", async () => {
  await using scratch = await makeScratch();
  const upkeep = { imageAfterBytes: 10, pagesPerCheckpoint: 1, rowsDeletedMax: 9, drainBytes: 0 };
  const life = new Life(new Hypervisor(), `${scratch.path}/store`, upkeep);
  stage(life, () => {
    // So much that an image is due.
    for (let i = 0; i < 9; i++) life.ask(0, MessageType.WRITE, `/old\0${"x".repeat(2000)}`);
    life.journal.commit();
    for (let i = 0; i < 20; i++) life.journal.maintain(true);
  });
  life.journal.adoptStaged();
  life.journal.commit();
  life.copyFiles(`${scratch.path}/copy`);
  life.close();
  const next = new Life(new Hypervisor(), `${scratch.path}/copy`);
  assertEquals([...subtree(next.state.tree.root)].map(([path]) => path), [
    "/",
    "/new",
    "/new/below",
  ]);
  next.close();
});
