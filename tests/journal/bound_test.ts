/** Floods of every kind: the files of a store stay within four images and 16 MiB, counted, not timed. */
import { SimulatedClock } from "../support/simulated_clock.ts";
import { assert, assertEquals } from "@std/assert";
import { ByteWriter } from "../../lib/codec/journal/byte_writer.ts";
import { Image } from "../../lib/journal/image.ts";
import { Engine } from "../../lib/engine/engine.ts";
import type { Connection } from "../../lib/engine/connection.ts";
import { openStore } from "../../lib/journal/store_file.ts";
import { TAIL_BYTES } from "../../lib/journal/tail.ts";
import { IMAGES_APART_MS, RESERVE_BYTES_MAX } from "../../lib/limits.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { makeScratch } from "../support/scratch.ts";
import { Hypervisor } from "../support/lives.ts";

const MIB = 1_048_576;

/** A store and its clients, turned by hand as the loop turns the daemon's. */
class Host {
  readonly journal;
  readonly engine: Engine;
  readonly #clock = new SimulatedClock();
  readonly #dom0: Connection;
  /** The most that the files have been, as a part of what they may be. */
  worst = 0;
  #turns = 0;
  #image = 0;

  constructor(readonly path: string, domids: readonly number[] = []) {
    const hypervisor = new Hypervisor();
    for (const domid of [0, ...domids]) hypervisor.create(domid);
    this.journal =
      openStore(path, { durability: "crash", bootId: "", log: () => {}, clock: this.#clock })
        .journal;
    this.engine = new Engine({ domains: hypervisor, dirty: this.journal.dirty });
    const { state } = this.engine;
    this.journal.recover(state);
    this.journal.begin({ state, rings: () => [] });
    const outbox = { reply: (): void => {}, event: (): void => {} };
    this.#dom0 = this.engine.connect({ kind: "socket", domid: 0, label: "socket", outbox });
  }

  ask(domid: number, type: number, payload: string): void {
    const { state } = this.engine;
    const connection = domid === 0 ? this.#dom0 : state.domains.get(domid)!.connection!;
    const bytes = toBytes(payload);
    this.engine.handle(connection, { type, reqId: 0, txId: 0, len: bytes.length }, bytes, 0);
  }

  /** The end of a turn under load: nobody is ever idle. */
  turn(): void {
    assert(this.journal.commit());
    // More turns than there are in a second.
    this.#clock.advance(0.2);
    this.journal.maintain(false);
    if (this.#turns++ % 64 === 0) this.#image = this.imageBytes();
    this.worst = Math.max(this.worst, this.filesBytes() / (4 * this.#image + 16 * MIB));
  }

  /** What an image of everything would take now. */
  imageBytes(): number {
    const to = new ByteWriter(65_536);
    const { state } = this.engine;
    const image = new Image(state, []);
    while (image.next(to));
    return to.length;
  }

  filesBytes(): number {
    let bytes = RESERVE_BYTES_MAX;
    for (const companion of ["", "-wal", ".tail"]) {
      bytes += Deno.statSync(this.path + companion).size;
    }
    return bytes;
  }

  /** What comes when there is no load any more, and nothing but time is needed; returns its slices. */
  settle(): number {
    this.#clock.advance(2 * IMAGES_APART_MS);
    let slices = 0;
    while (this.journal.maintain(true)) slices++;
    return slices;
  }

  assertBounded(what: string): void {
    assert(this.worst <= 1, `${what}: files were ${this.worst.toFixed(2)} of what they may be`);
    this.settle();
    const files = this.filesBytes(), most = 4 * this.imageBytes() + 16 * MIB;
    assert(files <= most, `${what}: ${files} bytes at rest, instead of at most ${most}`);
    this.journal.close();
  }
}

Deno.test("bound: permissions of a large value, set by three guests", async () => {
  await using scratch = await makeScratch();
  const host = new Host(`${scratch.path}/store`, [1, 2, 3]);
  for (const domid of [1, 2, 3]) {
    host.ask(0, T.MKDIR, `/local/domain/${domid}\0`);
    host.ask(0, T.SET_PERMS, `/local/domain/${domid}\0n${domid}\0`);
    host.ask(0, T.INTRODUCE, `${domid}\x001\x003\0`);
    host.ask(domid, T.WRITE, `x\0${"v".repeat(2_000)}`);
  }
  for (let turn = 0; turn < 15_000; turn++) {
    for (const domid of [1, 2, 3]) host.ask(domid, T.SET_PERMS, `x\0n${domid}\0`);
    host.turn();
  }
  host.assertBounded("SET_PERMS");
});

Deno.test("bound: values of 2 KB, written without a pause to nodes few and many", async () => {
  await using scratch = await makeScratch();
  for (const nodes of [4, 4_000]) {
    const host = new Host(`${scratch.path}/store${nodes}`);
    let written = 0;
    for (let turn = 0; turn < 2_000; turn++) {
      for (let i = 0; i < 16; i++) {
        host.ask(0, T.WRITE, `/n${written++ % nodes}\0${"v".repeat(2_000)}`);
      }
      host.turn();
    }
    host.assertBounded(`WRITE to ${nodes} nodes`);
  }
});

Deno.test("bound: chains of 480 levels that come and go, in one turn and in two", async () => {
  await using scratch = await makeScratch();
  const chain = "/a".repeat(480);
  for (const turns of [1, 2]) {
    const host = new Host(`${scratch.path}/store${turns}`);
    for (let round = 0; round < 1_200; round++) {
      host.ask(0, T.MKDIR, `/g${round % 4}${chain}\0`);
      if (turns === 2) host.turn();
      host.ask(0, T.RM, `/g${round % 4}\0`);
      host.turn();
    }
    host.assertBounded(`MKDIR and RM in ${turns}`);
  }
});

Deno.test("bound: a tree that grows to 20 MB and goes leaves its file small", async () => {
  await using scratch = await makeScratch();
  const host = new Host(`${scratch.path}/store`);
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 10_000; i++) {
      host.ask(0, T.WRITE, `/grown/n${i}\0${"v".repeat(2_000)}`);
      if (i % 8 === 7) host.turn();
    }
    assert(host.worst <= 1, `files were ${host.worst.toFixed(2)} of what they may be`);
    host.ask(0, T.RM, "/grown\0");
    assertEquals(host.journal.commit(), true);
    const slices = host.settle();
    const files = host.filesBytes();
    assert(files <= 16 * MIB, `round ${round}: ${files} bytes of an empty store`);
    // A slice an idle millisecond.
    assert(slices < 5_000, `round ${round}: it took ${slices} slices`);
    assert(files > TAIL_BYTES);
  }
  host.journal.close();
});
