/** How much upkeep follows a turn: counted in pieces of an image, not timed. */
import { assert, assertEquals } from "@std/assert";
import { ImageShelf } from "../../lib/journal/image_shelf.ts";
import { openStore } from "../../lib/journal/store_file.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { UPKEEP_OWED_MAX, UPKEEP_SHARE, UPKEEP_STEPS_PER_TURN_MAX } from "../../lib/limits.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { makeScratch } from "../support/scratch.ts";

const VALUE = "v".repeat(2_000);

const { continue: makePiece } = ImageShelf.prototype;

/** A store whose turns a test commits by hand, and which counts the pieces of its images. */
class Store implements Disposable {
  readonly journal;
  readonly #engine: Engine;
  readonly #client;
  /** Pieces of images so far. */
  pieces = 0;

  constructor(path: string) {
    this.journal = openStore(path, { durability: "crash", bootId: "", log: () => {} }).journal;
    this.#engine = new Engine({
      domains: { info: () => null, open: () => 8, reset: () => {}, close: () => {} },
      dirty: this.journal.dirty,
    });
    const { state } = this.#engine;
    this.journal.recover(state);
    this.journal.begin({ state, rings: () => [] });
    const outbox = { reply: (): void => {}, event: (): void => {} };
    this.#client = this.#engine.connect({ kind: "socket", domid: 0, label: "socket", outbox });
    // deno-lint-ignore no-this-alias
    const store = this;
    ImageShelf.prototype.continue = function (): number {
      store.pieces++;
      return makePiece.call(this);
    };
  }

  /** A turn of about so many bytes. */
  turn(bytes: number): void {
    for (let i = 0; i < bytes / VALUE.length; i++) {
      const payload = toBytes(`/n${i % 1_000}\0${VALUE}`);
      const header = { type: T.WRITE, reqId: 0, txId: 0, len: payload.length };
      this.#engine.handle(this.#client, header, payload, 0);
    }
    assert(this.journal.commit());
  }

  /** Tends, in as many calls as it takes; returns how many, and the most pieces that one has written. */
  settle(): { calls: number; most: number } {
    let calls = 0, most = 0;
    do {
      assert(calls++ < 10_000, "it comes to an end");
      const before = this.pieces;
      this.journal.maintain(false);
      most = Math.max(most, this.pieces - before);
    } while (this.journal.isBehind);
    return { calls, most };
  }

  [Symbol.dispose](): void {
    ImageShelf.prototype.continue = makePiece;
    this.journal.close();
  }
}

Deno.test("upkeep: what turns owe is paid a slice at a time, and busy clients wait for it", async () => {
  await using scratch = await makeScratch();
  using store = new Store(`${scratch.path}/store`);
  const before = store.pieces;
  let most = 0, waits = 0;
  for (let i = 0; i < 100; i++) {
    store.turn(UPKEEP_OWED_MAX / UPKEEP_SHARE / 2);
    const settled = store.settle();
    if (settled.calls > 1) waits++;
    most = Math.max(most, settled.most);
  }
  assert(store.pieces - before > 20, `${store.pieces} pieces`);
  assertEquals(most, 1);
  assert(waits > 90, `${waits} waits`);
});

Deno.test("upkeep: turns that owe too much are followed by several slices, whoever waits", async () => {
  await using scratch = await makeScratch();
  using store = new Store(`${scratch.path}/store`);
  let most = 0;
  for (let i = 0; i < 100; i++) {
    store.turn(UPKEEP_OWED_MAX / UPKEEP_SHARE);
    const before = store.pieces;
    store.journal.maintain(false);
    most = Math.max(most, store.pieces - before);
  }
  assertEquals(most, UPKEEP_STEPS_PER_TURN_MAX);
});

Deno.test("upkeep: busy clients wait for one turn behind each slice, not until somebody tends again", async () => {
  await using scratch = await makeScratch();
  using store = new Store(`${scratch.path}/store`);
  store.turn(UPKEEP_OWED_MAX / UPKEEP_SHARE / 2);
  assertEquals(store.journal.isBehind, false);
  store.journal.maintain(false);
  assertEquals(store.journal.isBehind, true);
  assert(store.journal.commit());
  assertEquals(store.journal.isBehind, false);
  store.journal.maintain(false);
  assertEquals(store.journal.isBehind, true);
  // Nobody waits when there is nothing else to do.
  store.journal.maintain(true);
  assertEquals(store.journal.isBehind, false);
});

Deno.test("upkeep: small turns leave nothing owed behind", async () => {
  await using scratch = await makeScratch();
  using store = new Store(`${scratch.path}/store`);
  let waits = 0;
  for (let i = 0; i < 3_000; i++) {
    store.turn(2_000);
    store.journal.maintain(false);
    if (store.journal.isBehind) waits++;
  }
  // Where a drain or a checkpoint was due instead.
  assert(waits < 300, `${waits} waits`);
});
