/** A file system that is really full: what a start leaves there, and what upkeep does about it. */
import { SimulatedClock } from "../support/simulated_clock.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { RingState } from "../../lib/state/ring_state.ts";
import { Engine } from "../../lib/engine/engine.ts";
import type { State } from "../../lib/engine/state.ts";
import { JournalError } from "../../lib/journal/database.ts";
import { openStore } from "../../lib/journal/store_file.ts";
import type { Upkeep } from "../../lib/journal/journal_parts.ts";
import type { StoreJournal } from "../../lib/journal/store_journal.ts";
import { COMMIT_RETRY_MS } from "../../lib/limits.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { makeScratch } from "../support/scratch.ts";
import { fillUp, smallDisk } from "../support/small_disk.ts";
import { Hypervisor, Life } from "../support/lives.ts";

/** Runs a test in a small file system; where none can be had, says so. */
function smallTest(name: string, run: (path: string) => void | Promise<void>): void {
  Deno.test(name, async () => {
    await using scratch = await makeScratch();
    await using fileSystem = await smallDisk(scratch.path);
    if (fileSystem === null) return console.log("no right to mount a small file system");
    await run(scratch.path);
  });
}

const OPTIONS = { durability: "crash", bootId: "", log: () => {} } as const;

smallTest("no space: a start that fails for want of it does no harm", (folder) => {
  const path = `${folder}/store`, filler = `${folder}/filler`;
  const life = new Life(new Hypervisor(), path);
  life.ask(0, T.WRITE, "/node\0value");
  life.journal.commit();
  life.close();
  for (const room of [0, 100_000]) {
    fillUp(filler);
    Deno.truncateSync(filler, Deno.statSync(filler).size - room);
    assertThrows(() => openStore(path, OPTIONS), JournalError, "no space left");
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["filler", "store"]);
    Deno.removeSync(filler);
    const next = new Life(new Hypervisor(), path);
    assertEquals(next.ask(0, T.READ, "/node\0"), "READ value");
    next.close();
  }
});

const UPKEEP: Upkeep = {
  imageAfterBytes: 1_000,
  pagesPerCheckpoint: 1e9,
  rowsDeletedMax: 1_000,
  drainBytes: 0,
};

smallTest("no space: upkeep that fails again and again is told once", async (folder) => {
  const lines: string[] = [];
  const log = (_level: string, text: string): void => void lines.push(text);
  const life = new Life(new Hypervisor(), `${folder}/store`, UPKEEP, "crash", "", log);
  const turn = (i: number): void => {
    life.ask(0, T.WRITE, `/node\0${"x".repeat(100)}${i}`);
    life.journal.commit();
  };
  for (const time of [1, 2]) {
    for (let i = 0; i < 200; i++) turn(i);
    fillUp(`${folder}/filler`);
    // What is free in the file goes first.
    for (let i = 0; i < 50_000 && !life.journal.full; i++) {
      turn(i);
      life.journal.maintain(true);
    }
    for (let i = 0; i < 8; i++) {
      life.journal.maintain(true);
      life.journal.commit();
      if (i % 2 === 1) await new Promise((resolve) => setTimeout(resolve, COMMIT_RETRY_MS + 5));
    }
    assertEquals(life.journal.full, true);
    assertEquals(lines.length, 2 * time - 1, lines.join("\n"));
    Deno.removeSync(`${folder}/filler`);
    await new Promise((resolve) => setTimeout(resolve, COMMIT_RETRY_MS + 5));
    while (life.journal.maintain(true));
    assertEquals(lines.at(-1), "the store file can be written again: changes are taken");
  }
  life.close();
});

/** Megabytes of the file system: each has the store run out of it at another step. */
for (const megabytes of [12, 16, 21, 27, 40]) {
  Deno.test(`no space: ${megabytes} MB that a guest filled are to be had when it is gone`, async () => {
    await using scratch = await makeScratch();
    await using fileSystem = await smallDisk(scratch.path, megabytes);
    if (fileSystem === null) return console.log("no right to mount a small file system");
    fillAndDie(`${scratch.path}/store`);
  });
}

/** Tries after which the daemon, which tries ten times a second, writes again at the latest. */
const TRIES_MAX = 9;

function fillAndDie(path: string): void {
  const clock = new SimulatedClock();
  const later = (): void => clock.advance(COMMIT_RETRY_MS + 5);
  const hypervisor = new Hypervisor();
  for (const domid of [0, 1]) hypervisor.create(domid);
  const { journal } = openStore(path, { durability: "crash", bootId: "", log: () => {}, clock });
  const { state, ...engine } = begin(hypervisor, journal);
  engine.ask(T.MKDIR, "/local/domain/1\0");
  engine.ask(T.SET_PERMS, "/local/domain/1\0n1\0");
  state.domains.know(1);
  let count = 0;
  while (!journal.full) {
    assert(count < 50_000, "it was never full");
    for (let i = 0; i < 4; i++) {
      engine.ask(T.WRITE, `/local/domain/1/n${count++}\0${"v".repeat(2_000)}`);
    }
    assert(journal.commit());
    journal.maintain(false);
  }
  // Whatever can't be refused meanwhile must not take what is needed to make room.
  for (let i = 1; i < 100; i++) {
    for (let turn = 0; turn < 20; turn++) {
      journal.ring(ringOf(i * 20 + turn));
      assert(journal.commit(), "held back");
    }
    later();
    for (let slices = 0; slices < 1_000 && journal.maintain(true); slices++);
  }
  hypervisor.destroy(1);
  engine.domainsChanged();
  assert(journal.commit());
  let tries = 0;
  for (; journal.full; tries++) {
    assert(tries < TRIES_MAX, `still full behind ${tries} tries`);
    later();
    while (journal.maintain(true));
  }
  assertEquals(engine.ask(T.WRITE, "/again\0value"), T.WRITE);
  assert(journal.commit());
  journal.close();
}

function begin(hypervisor: Hypervisor, journal: StoreJournal): {
  state: State;
  ask: (type: number, payload: string) => number;
  domainsChanged: () => void;
} {
  const engine = new Engine({ domains: hypervisor, dirty: journal.dirty });
  const { state } = engine;
  journal.recover(state);
  journal.begin({ state, rings: () => [] });
  let replied = 0;
  const outbox = { reply: (type: number): void => void (replied = type), event: (): void => {} };
  const socket = engine.connect({ kind: "socket", domid: 0, label: "socket", outbox });
  return {
    state,
    ask: (type, payload) => {
      const bytes = toBytes(payload);
      engine.handle(socket, { type, reqId: 0, txId: 0, len: bytes.length }, bytes, 0);
      return replied;
    },
    domainsChanged: () => {
      engine.domainsChanged();
      for (let n = 0; engine.due && n < 100_000; n++) engine.tick(0);
    },
  };
}

/** A ring to which much is owed, each time something else. */
function ringOf(turn: number): RingState {
  return {
    key: 1,
    requestsTaken: turn,
    partial: new Uint8Array(0),
    responsesEnd: turn * 8_000,
    responses: new Uint8Array(8_000),
    unsent: 8_000,
    reset: false,
    ignored: false,
  };
}
