/** When an image is made: what a recovery has to read behind it depends on that. */
import { SimulatedClock } from "../support/simulated_clock.ts";
import { assert, assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { IMAGES_APART_MS } from "../../lib/limits.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { makeScratch } from "../support/scratch.ts";
import { Hypervisor, Life } from "../support/lives.ts";

const UPKEEP = {
  imageAfterBytes: 1_000,
  pagesPerCheckpoint: 1e9,
  rowsDeletedMax: 100,
  drainBytes: 0,
};
/** Of the tree: an image has some more. */
const STORE_BYTES = 100_000;

Deno.test("images: due behind a part of the last one's bytes, and less often just after it", async () => {
  await using scratch = await makeScratch();
  const host = new Hypervisor();
  host.create(0);
  const clock = new SimulatedClock();
  const life = new Life(host, `${scratch.path}/store`, UPKEEP, "crash", "", () => {}, clock);
  const write = (bytes: number): void => {
    for (let i = 0; i < bytes / 1_000; i++) {
      life.ask(0, MessageType.WRITE, `/n${i % 100}\0${"x".repeat(960)}`);
      assert(life.journal.commit());
    }
  };
  /** Whether an image is made when there is nothing else to do, or else now and then. */
  const makesImage = (idle: boolean): boolean => {
    const before = upto();
    // Turns that wait in the tail go first, one image is made in many slices.
    for (let i = 0; i < 2_000; i++) life.journal.maintain(idle);
    return upto() > before;
  };
  const upto = (): number => {
    const copy = `${scratch.path}/copy`;
    life.copyFiles(copy);
    const database = new DatabaseSync(copy);
    const found = Number(database.prepare("SELECT upto FROM images").get()?.["upto"]);
    database.close();
    return found;
  };
  write(STORE_BYTES);
  assert(makesImage(true));
  const steps: [what: string, later: number, bytes: number, idle: boolean, made: boolean][] = [
    ["a fifth", IMAGES_APART_MS, 0.2, true, false],
    ["a third", 0, 0.15, true, true],
    ["a third at once", 0, 0.35, true, false],
    ["a third later, with work to do", IMAGES_APART_MS, 0, false, false],
    ["more than all, with work to do", 0, 0.8, false, true],
    ["as much at once", 0, 1.1, false, false],
    ["as much at once when idle", 0, 0, true, false],
    ["a quarter more at once", 0, 0.3, false, true],
  ];
  for (const [what, later, part, idle, made] of steps) {
    clock.advance(later);
    write(part * STORE_BYTES);
    assertEquals(makesImage(idle), made, what);
  }
  life.close();
});
