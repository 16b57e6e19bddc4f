import { assert, assertEquals } from "@std/assert";
import { OutOfMemoryDeaths } from "../../lib/server/process/out_of_memory_deaths.ts";
import { CONNECTION, ERROR, ERROR_COMM, ERROR_NONE } from "../../lib/transport/ring_page.ts";
import type { GuestRing } from "../../lib/transport/ring.ts";
import { decodeHeader, emptyHeader, encodeMessage, HEADER_SIZE } from "../../lib/wire/header.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import { makeScratch } from "../support/scratch.ts";
import { MemoryLives, type SocketClient } from "./memory_lives.ts";

const HUGE = 1, USUAL = 2;
/** What the page's connection word has when the ring is in use, and when a guest asks for it anew. */
const RECONNECT = 1;

/** A host with two guests, one of which has registered as much as it may. */
class Host {
  readonly lives: MemoryLives;
  toolstack: SocketClient;
  readonly rings = new Map<number, GuestRing>();

  constructor(readonly folder: string) {
    this.lives = new MemoryLives(folder);
    this.toolstack = this.lives.connect();
    for (const domid of [HUGE, USUAL]) {
      this.lives.domains.create(domid);
      this.toolstack.ask(T.WRITE, `/local/domain/${domid}/name\0guest ${domid}`);
      for (const path of ["", "/name"]) {
        this.toolstack.ask(T.SET_PERMS, `/local/domain/${domid}${path}\0n${domid}\0`);
      }
      this.introduce(domid);
    }
    for (let i = 0; i < 100; i++) {
      assertEquals(this.ask(HUGE, T.WATCH, `d${i}\0${"t".repeat(3_000)}${i}\0`), "OK\0");
    }
    for (let i = 0; i < 20; i++) {
      assertEquals(this.ask(USUAL, T.WATCH, `device/vif/${i}/state\0token ${i}\0`), "OK\0");
    }
    assertEquals(this.ask(HUGE, T.TRANSACTION_START, "\0"), "1\0");
  }

  introduce(domid: number): void {
    this.rings.set(domid, this.lives.domains.guest(domid));
    this.toolstack.ask(T.INTRODUCE, `${domid}\0${1}\0${domid}\0`);
  }

  /** The reply to a guest's request, as text; null when none comes. */
  ask(domid: number, type: number, payload: string): string | null {
    const ring = this.rings.get(domid)!;
    const bytes = encodeMessage(type, 7, 0, toBytes(payload)).slice();
    let text: string | null = null;
    const buffer = new Uint8Array(8_192);
    let [sent, end] = [0, 0];
    for (let turns = 0; turns < 40; turns++) {
      sent += Math.max(0, ring.write(bytes, sent, bytes.length));
      this.lives.turn();
      end += Math.max(0, ring.read(buffer, end, buffer.length));
      for (let at = 0; end - at >= HEADER_SIZE;) {
        const header = decodeHeader(buffer, at, emptyHeader());
        const to = at + HEADER_SIZE + header.len;
        if (to > end) break;
        if (header.type !== T.WATCH_EVENT) text = toText(buffer, at + HEADER_SIZE, to);
        buffer.copyWithin(0, to, end);
        end -= to;
        at = 0;
      }
    }
    return text;
  }

  errorOf(domid: number): number {
    return this.rings.get(domid)!.page.load(ERROR);
  }

  /** Dies `deaths` times in a row for lack of memory, as the mark says, and lives again. */
  die(deaths: number): void {
    const path = `${this.folder}/mark`;
    if (deaths > 0) Deno.writeTextFileSync(path, `${deaths - 1} short`);
    this.lives.mark = () => new OutOfMemoryDeaths(path, () => 0.1, 0);
    this.lives.lines.length = 0;
    this.lives.reincarnate();
    this.toolstack = this.lives.connect();
  }
}

Deno.test("behind two deaths for want of memory a guest's many watches are set aside, and it sees that", async () => {
  await using scratch = await makeScratch();
  const host = new Host(scratch.path);
  try {
    // One death is none too many.
    host.die(1);
    assertEquals(host.lives.watchesOf(HUGE).length, 100);
    assertEquals(host.ask(HUGE, T.READ, "name\0"), "guest 1");
    host.die(2);
    assertEquals(host.lives.watchesOf(HUGE), []);
    assertEquals(host.lives.watchesOf(USUAL).length, 20);
    assertEquals(host.errorOf(HUGE), ERROR_COMM);
    assertEquals(host.ask(HUGE, T.READ, "name\0"), null);
    assertEquals(host.ask(USUAL, T.READ, "name\0"), "guest 2");
    assertEquals(host.errorOf(USUAL), ERROR_NONE);
    const told = host.lives.lines.filter((line) => line.includes("are not loaded"));
    assertEquals(told.length, 1, host.lives.lines.join("\n"));
    assert(/died 2 times.*100 watches and 1 transaction of domain 1 /.test(told[0]!), told[0]);
    // No node is gone.
    assertEquals(host.toolstack.ask(T.READ, "/local/domain/1/name\0"), "READ guest 1");
    // They do not come back, nor is the guest heard by the next life.
    host.die(0);
    assertEquals(host.lives.watchesOf(HUGE), []);
    assertEquals(host.ask(HUGE, T.READ, "name\0"), null);
    // Introduced again it is as new.
    const page = host.rings.get(HUGE)!.page;
    page.store(CONNECTION, RECONNECT);
    host.introduce(HUGE);
    assertEquals(host.errorOf(HUGE), ERROR_NONE);
    assertEquals(host.ask(HUGE, T.WATCH, "again\0token\0"), "OK\0");
    assertEquals(host.lives.watchesOf(HUGE), ["/local/domain/1/again token"]);
  } finally {
    host.lives.end();
  }
});

Deno.test("behind one death more for want of memory all guests' watches are set aside", async () => {
  await using scratch = await makeScratch();
  const host = new Host(scratch.path);
  try {
    host.die(3);
    for (const domid of [HUGE, USUAL]) {
      assertEquals(host.lives.watchesOf(domid), []);
      assertEquals(host.errorOf(domid), ERROR_COMM);
    }
    assertEquals(host.toolstack.ask(T.READ, "/local/domain/2/name\0"), "READ guest 2");
  } finally {
    host.lives.end();
  }
});

Deno.test("a death counts as one for want of memory only if little was left", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/mark`;
  let share = 0.1, now = 0;
  const live = (): OutOfMemoryDeaths => new OutOfMemoryDeaths(path, () => share, now);
  const exists = (): boolean => [...Deno.readDirSync(scratch.path)].length > 0;
  let mark = live();
  mark.look(now);
  assert(!exists(), "a life in which nothing is amiss leaves no file");
  share = 0.85;
  mark.look(now);
  // It dies, and so does the next.
  mark = live();
  assertEquals(mark.deaths, 1);
  mark.look(now);
  assertEquals(live().deaths, 2);
  // That one dies of something else: its memory was well.
  mark = live();
  assertEquals(mark.deaths, 0);
  assert(!exists());
  mark.look(now);
  share = 0.7;
  mark.look(now);
  mark = live();
  assertEquals(mark.deaths, 1, "still short");
  share = 0.5;
  // A life that goes on well has settled.
  mark.look(now += 1_000);
  assertEquals(mark.deaths, 1);
  mark.look(now += 60_001);
  assertEquals(mark.deaths, 0);
  assert(!exists());
  share = 0.9;
  mark.look(now);
  mark.end();
  assert(!exists(), "an orderly end is no death");
  // What is no mark of ours counts for nothing.
  Deno.writeTextFileSync(path, "99 shor");
  assertEquals(live().deaths, 0);
});
