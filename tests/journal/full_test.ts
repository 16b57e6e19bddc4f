/** A store file that can't grow: changes are refused, all else goes on, and nothing is lost. */
import { SimulatedClock } from "../support/simulated_clock.ts";
import { systemClock } from "../../lib/clock.ts";
import { assert, assertEquals } from "@std/assert";
import type { DatabaseSync } from "node:sqlite";
import type { RingState } from "../../lib/state/ring_state.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { type Durability, openDatabase } from "../../lib/journal/database.ts";
import type { JournalParts, Upkeep } from "../../lib/journal/journal_parts.ts";
import { StoreJournal } from "../../lib/journal/store_journal.ts";
import { Tail, TAIL_BYTES as TAIL_BYTES_USUAL } from "../../lib/journal/tail.ts";
import { COMMIT_RETRY_MS } from "../../lib/limits.ts";
import { MessageType as T, messageTypeName } from "../../lib/wire/message_type.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import { makeScratch } from "../support/scratch.ts";
import { Hypervisor, wholeState } from "../support/lives.ts";

const ID = "0123456789-0123456789-0123456789-012";
const TAIL_BYTES = 16_384;
const UPKEEP: Upkeep = {
  imageAfterBytes: 1e9,
  pagesPerCheckpoint: 1e9,
  rowsDeletedMax: 100,
  drainBytes: 1_000,
};

/** An engine on a store whose file's growth can be stopped. */
class Host {
  readonly hypervisor: Hypervisor;
  readonly database: DatabaseSync;
  readonly journal: StoreJournal;
  readonly engine: Engine;
  readonly lines: string[] = [];
  #reply = "";
  readonly #socket;
  #responses = 0;

  constructor(
    readonly path: string,
    durability: Durability,
    hypervisor: Hypervisor = new Hypervisor(),
    more: Partial<JournalParts> = {},
    tailBytes = TAIL_BYTES,
  ) {
    this.hypervisor = hypervisor;
    this.database = openDatabase(path, durability);
    const tail = hypervisor.info(0) === null
      ? Tail.create(`${path}.tail`, ID, tailBytes)
      : Tail.open(`${path}.tail`, ID, false);
    const log = (_level: string, text: string): void => void this.lines.push(text);
    this.journal = new StoreJournal({
      database: this.database,
      tail,
      durability,
      clock: systemClock,
      log,
      upkeep: UPKEEP,
      ...more,
    });
    for (const domid of [0, 1]) if (hypervisor.info(domid) === null) hypervisor.create(domid);
    this.engine = new Engine({ domains: hypervisor, dirty: this.journal.dirty });
    const { state } = this.engine;
    this.journal.recover(state);
    this.journal.begin({ state, rings: () => [this.ring()] });
    const outbox = {
      reply: (type: number, _reqId: number, _txId: number, payload: Uint8Array): void => {
        this.#reply = `${messageTypeName(type)} ${toText(payload)}`;
      },
      event: (): void => {},
    };
    this.#socket = this.engine.connect({ kind: "socket", domid: 0, label: "socket", outbox });
  }

  /** The guest's ring, each time a little further. */
  ring(): RingState {
    const responses = new Uint8Array(100);
    this.#responses += responses.length;
    return {
      key: 1,
      requestsTaken: this.#responses,
      partial: new Uint8Array(0),
      responsesEnd: this.#responses,
      responses,
      unsent: 0,
      reset: false,
      ignored: false,
    };
  }

  /** The reply to dom0, with the journal's turn done as the daemon's is. */
  ask(type: number, payload: string, txId = 0): string {
    const bytes = toBytes(payload);
    const header = { type, reqId: 0, txId, len: bytes.length };
    this.engine.handle(this.#socket, header, bytes, 0);
    this.turn();
    return this.#reply;
  }

  /** As {@link ask}, by the guest. */
  askAs1(type: number, payload: string, txId = 0): string {
    const bytes = toBytes(payload);
    const { connection } = this.engine.state.domains.get(1)!;
    this.engine.handle(connection!, { type, reqId: 0, txId, len: bytes.length }, bytes, 0);
    this.journal.ring(this.ring());
    this.turn();
    return this.hypervisor.replies.get(1)!;
  }

  turn(): void {
    assert(this.journal.commit(), "the turn is held");
    this.journal.maintain(false);
  }

  /** A guest that reads: nothing is changed, but how far its ring is must be kept. */
  guestReads(): void {
    this.journal.ring(this.ring());
    this.turn();
  }

  stopGrowth(): void {
    this.database.exec("PRAGMA max_page_count = 1");
  }

  allowGrowth(): void {
    this.database.exec("PRAGMA max_page_count = 1000000");
  }

  /** What the next life finds, were this one killed now. */
  nextLife(): string[] {
    const copy = `${this.path}-copy`;
    for (const companion of ["", "-wal", ".tail"]) {
      Deno.copyFileSync(this.path + companion, copy + companion);
    }
    const next = new Host(copy, "crash", this.hypervisor);
    const state = wholeState(next.engine.state);
    next.database.close();
    return state;
  }
}

/** Writes until it is refused; returns how often it was not. */
function fill(host: Host): number {
  for (let count = 0; count < 5000; count++) {
    const reply = host.ask(T.WRITE, `/fill/${count}\0${"x".repeat(100)}`);
    if (reply === "ERROR ENOSPC\0") return count;
    assertEquals(reply, "WRITE OK\0");
  }
  throw new Error("it was never full");
}

for (const durability of ["crash", "disk"] as const) {
  Deno.test(`full, --persist ${durability}: changes get ENOSPC, the rest goes on`, async () => {
    await using scratch = await makeScratch();
    const host = new Host(`${scratch.path}/store`, durability);
    host.ask(T.INTRODUCE, "1\x001\x003\0");
    host.ask(T.WRITE, "/node\0value");
    host.ask(T.TRANSACTION_START, "\0");
    host.ask(T.WRITE, "/node\0other", 1);
    host.stopGrowth();
    const written = fill(host);
    assertEquals(host.journal.full, true);
    for (
      const [type, payload] of [
        [T.WRITE, "/node\0x"],
        [T.MKDIR, "/more\0"],
        [T.RM, "/node\0"],
        [T.SET_PERMS, "/node\0n0\0r1\0"],
        [T.INTRODUCE, "1\x001\x004\0"],
        [T.SET_TARGET, "1\x000\0"],
        [T.SET_FEATURE, "1\x001\0"],
        [T.SET_QUOTA, "1\0nodes\x0055\0"],
      ] as const
    ) assertEquals(host.ask(type, payload), "ERROR ENOSPC\0", messageTypeName(type));
    assertEquals(host.ask(T.TRANSACTION_END, "T\0", 1), "ERROR ENOSPC\0");
    assertEquals(host.ask(T.READ, "/node\0"), "READ value");
    assertEquals(host.ask(T.WATCH, "/node\0token\0"), "WATCH OK\0");
    assertEquals(host.ask(T.UNWATCH, "/node\0token\0"), "UNWATCH OK\0");
    assertEquals(host.ask(T.TRANSACTION_START, "\0"), "TRANSACTION_START 2\0");
    assertEquals(host.ask(T.TRANSACTION_END, "T\0", 2), "TRANSACTION_END OK\0");
    // Many times what the tail takes: it is rewritten again and again.
    for (let i = 0; i < 500; i++) host.guestReads();
    assertEquals(host.nextLife(), wholeState(host.engine.state));
    // A death can't be refused.
    host.hypervisor.destroy(1);
    host.engine.domainsChanged();
    host.turn();
    for (let i = 0; i < 200; i++) host.guestReads();
    assertEquals(host.nextLife(), wholeState(host.engine.state));
    assertEquals(host.ask(T.READ, `/fill/${written - 1}\0`), `READ ${"x".repeat(100)}`);
    const refusals = host.lines.filter((line) => line.includes("changes are refused"));
    assertEquals(refusals.length, 1, host.lines.join("\n"));
    await goesOn(host);
  });
}

/** When there is room again, changes are taken by themselves, and the file has everything. */
async function goesOn(host: Host): Promise<void> {
  host.allowGrowth();
  await new Promise((resolve) => setTimeout(resolve, COMMIT_RETRY_MS + 20));
  host.journal.maintain(true);
  assertEquals(host.journal.full, false);
  assertEquals(host.lines.at(-1), "the store file can be written again: changes are taken");
  assertEquals(host.ask(T.WRITE, "/node\0again"), "WRITE OK\0");
  assertEquals(host.nextLife(), wholeState(host.engine.state));
  host.journal.close();
}

Deno.test("full: what can't be refused and finds no room holds all back, and is kept later", async () => {
  await using scratch = await makeScratch();
  const host = new Host(`${scratch.path}/store`, "crash");
  host.ask(T.INTRODUCE, "1\x001\x003\0");
  host.stopGrowth();
  fill(host);
  const { journal } = host;
  const { state } = host.engine;
  const { connection } = state.domains.get(1)!;
  // Half a tail is less than that many watches of a guest.
  let before: string[] = [], count = 0;
  for (let kept = true; kept; kept = journal.commit()) {
    before = wholeState(state);
    for (let i = 0; i < 10; i++) {
      state.addWatch(
        connection!,
        `/watched/${++count}/${"x".repeat(60)}`,
        "token",
        false,
        Infinity,
      );
    }
  }
  assert(count > 50, `${count} watches`);
  assertEquals(journal.commit(), false);
  assertEquals(host.lines.filter((line) => line.includes("no client is answered")).length, 1);
  assertEquals(host.nextLife(), before);
  host.allowGrowth();
  await new Promise((resolve) => setTimeout(resolve, COMMIT_RETRY_MS + 20));
  assertEquals(journal.commit(), true);
  assertEquals(host.lines.at(-1), "what has changed is kept again: answers go out");
  await goesOn(host);
});

Deno.test("full: no number of watches and transactions holds reads back, or is lost", async () => {
  await using scratch = await makeScratch();
  const host = new Host(`${scratch.path}/store`, "crash", new Hypervisor(), {}, TAIL_BYTES_USUAL);
  host.ask(T.INTRODUCE, "1\x001\x003\0");
  host.ask(T.SET_QUOTA, "1\0watches\x0010000\0");
  host.ask(T.SET_QUOTA, "1\0memory\x0010000000\0");
  const long = (i: number): string => `w/${i}/${"x".repeat(1_900)}\0${"t".repeat(1_900)}\0`;
  host.ask(T.WRITE, "/seen\0value");
  host.ask(T.SET_PERMS, "/seen\0r0\0");
  for (let i = 0; i < 300; i++) assertEquals(host.askAs1(T.WATCH, long(i)), "WATCH OK\0");
  host.stopGrowth();
  fill(host);
  const refused = { WATCH: 0, UNWATCH: 0 };
  // Far more bytes than the tail has; turn() says that none of these turns was held back.
  for (let i = 0; i < 3_000; i++) {
    const type = i % 2 === 0 ? T.WATCH : T.UNWATCH;
    const reply = host.askAs1(type, long(i % 2 === 0 ? 1_000 + i : i % 300));
    if (reply === "ERROR ENOSPC\0") refused[type === T.WATCH ? "WATCH" : "UNWATCH"]++;
    const started = host.askAs1(T.TRANSACTION_START, "\0");
    assertEquals(started, `TRANSACTION_START ${i + 1}\0`);
    assertEquals(host.askAs1(T.TRANSACTION_END, "F\0", i + 1), "TRANSACTION_END OK\0");
    assertEquals(host.askAs1(T.READ, "/seen\0"), "READ value");
  }
  assert(refused.WATCH > 1_000 && refused.UNWATCH > 500, JSON.stringify(refused));
  assertEquals(host.askAs1(T.RESET_WATCHES, ""), "ERROR ENOSPC\0");
  assertEquals(host.nextLife(), wholeState(host.engine.state));
  await goesOn(host);
});

Deno.test("full: the second time, and by a clock that goes back, it is noticed as well", async () => {
  await using scratch = await makeScratch();
  const clock = new SimulatedClock();
  const host = new Host(`${scratch.path}/store`, "disk", new Hypervisor(), { clock });
  for (let round = 0; round < 2; round++) {
    host.stopGrowth();
    fill(host);
    const before = host.lines.length;
    clock.advance(COMMIT_RETRY_MS);
    host.journal.maintain(true);
    assertEquals([host.journal.full, host.lines.length], [true, before]);
    clock.setWall(clock.wall() - 3_600_000_000);
    host.allowGrowth();
    clock.advance(COMMIT_RETRY_MS);
    host.journal.maintain(true);
    assertEquals(host.journal.full, false);
    assertEquals(host.ask(T.RM, "/fill\0"), "RM OK\0");
    assertEquals(host.nextLife(), wholeState(host.engine.state));
  }
  host.journal.close();
});

Deno.test("full: what an image has from the tail already is not written anew", async () => {
  await using scratch = await makeScratch();
  const upkeep = { ...UPKEEP, imageAfterBytes: 1_000, drainBytes: 0 };
  const host = new Host(`${scratch.path}/store`, "crash", new Hypervisor(), { upkeep });
  host.ask(T.INTRODUCE, "1\x001\x003\0");
  host.ask(T.WRITE, "/gone\0");
  const count = (what: string): number =>
    Number(host.database.prepare(`SELECT ${what} AS n`).get()!["n"]);
  assertEquals(count("(SELECT max(last) FROM turns)"), 2);
  // From here on the tail keeps its turns, and an image has them too.
  upkeep.drainBytes = 1e9;
  host.ask(T.WRITE, "/gone/child\0");
  host.ask(T.RM, "/gone\0");
  while (count("(SELECT upto FROM images)") < 4) {
    host.ask(T.WRITE, `/node\0${"x".repeat(100)}`);
    host.journal.maintain(true);
  }
  host.stopGrowth();
  for (let i = 0; i < 200; i++) host.guestReads();
  assertEquals(host.journal.full, true);
  assertEquals(host.nextLife(), wholeState(host.engine.state));
  host.journal.close();
});
