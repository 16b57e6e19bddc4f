import { assert, assertEquals } from "@std/assert";
import { MessageType } from "../../lib/wire/message_type.ts";
import {
  REQ_CONS,
  REQ_PROD,
  type RingPage,
  RSP_CONS,
  RSP_PROD,
} from "../../lib/transport/ring_page.ts";
import { Random, roundsOf } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";
import { RingGuest } from "../support/ring_guest.ts";
import { HungUp, MemoryLives, type SocketClient } from "./memory_lives.ts";

const { INTRODUCE, MKDIR, SET_PERMS, WRITE } = MessageType;
const GUESTS = [1, 2, 3];
/** One of them has had nearly 4 GiB through its ring: the counts are about to wrap. */
const BUSY = 2;
const NEAR_THE_WRAP = 0xffff_f800;
/** A domain that dies and comes again, whose guest does nothing. */
const MAYFLY = 4;
/** Crashes in one world, with one set of guests. */
const CRASHES = 25;
const SHARED = "/shared/s";
/** Rounds that are the same in each run, in which everything is known to happen. */
const FIXED_ROUNDS = 8;

/** One hypervisor with its guests, and a toolstack on a socket. */
class Story {
  readonly #random: Random;
  readonly lives: MemoryLives;
  readonly guests: RingGuest[] = [];
  readonly #notified = new Set<number>();
  readonly #acknowledged = new Map<string, string>();
  #toolstack: SocketClient;
  #written = 0;
  /** How often the domain that comes and goes was another one in the next life. */
  strangers = 0;
  /** Whether the domain that comes and goes is there, and introduced as what it now is. */
  #mayflyThere = false;
  #mayflyKnown = false;

  constructor(random: Random, folder: string) {
    this.#random = random;
    this.lives = new MemoryLives(folder);
    this.#toolstack = this.lives.connect();
    for (const path of ["/shared", SHARED, "/log"]) this.#ask(MKDIR, `${path}\0`);
    this.#ask(SET_PERMS, `${SHARED}\0r0\0`);
    for (const domid of GUESTS) this.#introduce(domid);
  }

  #introduce(domid: number): void {
    const { domains, points } = this.lives;
    domains.create(domid);
    const home = `/local/domain/${domid}`;
    this.#ask(MKDIR, `${home}\0`);
    this.#ask(SET_PERMS, `${home}\0n${domid}\0`);
    this.#ask(INTRODUCE, `${domid}\0${1}\0${domid}\0`);
    const ring = domains.guest(domid, () => {
      points.at("before an event");
      this.#notified.add(domid);
    });
    if (domid === BUSY) this.#wind(ring.page);
    points.watch(ring.page);
    const guest = new RingGuest(domid, ring, this.#random);
    guest.watch(SHARED, "shared");
    guest.watch("data", "own");
    this.guests.push(guest);
  }

  /** Sets a ring's counts while nothing is in it. */
  #wind(page: RingPage): void {
    while (this.lives.pending) assert(this.lives.turn());
    for (const word of [REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD]) page.store(word, NEAR_THE_WRAP);
  }

  /** Asks as often as the daemon dies over it. */
  #ask(type: number, payload: string): string {
    for (;;) {
      try {
        return this.#toolstack.ask(type, payload);
      } catch (error) {
        if (!(error instanceof HungUp)) throw error;
        this.die();
      }
    }
  }

  die(): void {
    if (this.#random.chance(0.3)) this.#guestsGoOn();
    const known = this.#mayflyKnown;
    if (this.#random.chance(0.3)) this.#replaceMayfly();
    this.lives.reincarnate();
    assertEquals(this.lives.isIntroduced(MAYFLY) || !known, this.#mayflyKnown || !known);
    if (known && !this.#mayflyKnown) this.#checkNoMayfly();
    this.#toolstack = this.lives.connect();
    for (const guest of this.guests) {
      guest.assertPossible(nodesOf(this.lives, guest.domid));
    }
    for (const [path, value] of this.#acknowledged) {
      assertEquals(this.lives.nodesBelow("/log")!.get(path), value, "an acknowledged write");
    }
  }

  /** Nothing is left of it, and who has its domid now has not been touched. */
  #checkNoMayfly(): void {
    assertEquals(this.lives.nodesBelow("/log/mayfly"), null);
    if (!this.#mayflyThere) return;
    const { bytes } = this.lives.domains.guest(MAYFLY).page;
    assert(bytes.every((byte) => byte === 0), "somebody else's page was written to");
    this.strangers++;
  }

  /** What guests do while there is no daemon. */
  #guestsGoOn(): void {
    for (let step = 0; step < 10; step++) this.#actAndLook(this.#random.pick(this.guests));
  }

  /** While nobody looks, a domain goes, and another may come of the same id. */
  #replaceMayfly(): void {
    const { domains } = this.lives;
    if (this.#mayflyThere) domains.remove(MAYFLY);
    this.#mayflyThere = this.#random.chance(0.5);
    this.#mayflyKnown = false;
    if (this.#mayflyThere) domains.create(MAYFLY);
  }

  #introduceMayfly(): void {
    if (!this.#mayflyThere || this.#mayflyKnown) return;
    const { life } = this.lives;
    this.#ask(WRITE, "/log/mayfly\0x");
    this.#ask(SET_PERMS, `/log/mayfly\0n${MAYFLY}\0`);
    this.#ask(INTRODUCE, `${MAYFLY}\0${1}\0${MAYFLY}\0`);
    // If the daemon died meanwhile, so may the domain have.
    this.#mayflyKnown = this.lives.life === life;
  }

  /** A guest does something of its own accord, or because it was notified; it never polls. */
  #actAndLook(guest: RingGuest): void {
    const { life } = this.lives;
    if (this.#random.chance(0.5)) guest.act(life);
    if (!this.#notified.has(guest.domid)) return;
    const most = this.#random.chance(0.3) ? 1 + this.#random.below(100) : 4096;
    if (guest.receive(life, most) < most) this.#notified.delete(guest.domid);
    guest.flush();
  }

  step(): void {
    const { lives } = this;
    const dice = this.#random.next();
    if (dice < 0.55) return this.#actAndLook(this.#random.pick(this.guests));
    if (dice < 0.57) return this.#write();
    if (!lives.turn(this.#random.chance(0.8))) this.die();
  }

  #write(): void {
    const name = `n${this.#random.below(9)}`, value = `${++this.#written}`;
    this.#acknowledged.delete(name);
    assertEquals(this.#ask(WRITE, `/log/${name}\0${value}`), "WRITE OK\0");
    this.#acknowledged.set(name, value);
  }

  /** Lets everything come to rest; whoever waits for ever has lost something. */
  rest(): void {
    const { lives } = this;
    for (let step = 0; step < 3000; step++) {
      for (const guest of this.guests) {
        if (guest.inTransaction) guest.act(lives.life, true);
        if (this.#notified.delete(guest.domid)) {
          while (guest.receive(lives.life) > 0);
          guest.flush();
        }
      }
      if (!lives.turn()) this.die();
      const quiet = this.guests.every((guest) => guest.quiet && !guest.inTransaction);
      if (quiet && !lives.pending && this.#notified.size === 0) return;
    }
    const waiting = this.guests.filter((guest) => !guest.quiet).map(({ domid }) => domid);
    assert(false, `domains ${waiting} wait for ever`);
  }

  /** Watches from lives ago still fire. */
  checkWatches(): void {
    this.rest();
    const before = this.guests.map(({ events }) => events.get("shared") ?? 0);
    this.#ask(WRITE, `${SHARED}\0${++this.#written}`);
    this.rest();
    this.guests.forEach(({ domid, events }, index) => {
      assert(events.get("shared")! > before[index]!, `the watch of domain ${domid} is gone`);
    });
  }

  /** All nodes are those that the guests' answers speak of. */
  checkNodes(): void {
    this.rest();
    for (const guest of this.guests) guest.assertPossible(nodesOf(this.lives, guest.domid));
  }

  /** Lets the daemon die soon; of some moments there are few. */
  #arm(): void {
    const random = this.#random, { points } = this.lives;
    if (random.chance(0.8)) return points.arm(1 + random.below(random.chance(0.3) ? 8 : 200));
    points.arm(1 + random.below(8), random.pick(["before a statement", "after a statement"]));
  }

  run(): void {
    const { lives } = this;
    for (let crash = 0; crash < CRASHES; crash++) {
      this.#introduceMayfly();
      const { life } = lives;
      this.#arm();
      for (let step = 0; lives.life === life && step < 300; step++) this.step();
      if (lives.life === life) this.die();
      if (this.#random.chance(0.3)) this.checkWatches();
      if (this.#random.chance(0.3)) this.checkNodes();
    }
    lives.points.arm(Infinity);
    this.checkWatches();
    this.checkNodes();
    lives.end();
  }
}

function nodesOf(lives: MemoryLives, domid: number): Map<string, string> {
  const nodes = lives.nodesBelow(`/local/domain/${domid}`) ?? new Map<string, string>();
  // Made with the first node below.
  nodes.delete("data");
  return nodes;
}

Deno.test("killed at any moment, a daemon goes on where it stopped", async () => {
  const rounds = roundsOf(Number(Deno.env.get("XS_ROUNDS") ?? 16), FIXED_ROUNDS);
  const kinds = new Map<string, number>();
  let lost = 0, committed = 0, replies = 0, strangers = 0;
  for (const { fixed, seed } of rounds) {
    await using scratch = await makeScratch();
    const story = new Story(new Random(seed), scratch.path);
    try {
      story.run();
    } catch (error) {
      throw new Error(`failed with XS_SEED=${seed} XS_ROUNDS=1`, { cause: error });
    }
    if (!fixed) continue;
    for (const [kind, count] of story.lives.points.taken) {
      kinds.set(kind, (kinds.get(kind) ?? 0) + count);
    }
    strangers += story.strangers;
    for (const guest of story.guests) {
      lost += guest.lost;
      committed += guest.committed;
      replies += guest.replies;
    }
  }
  const said = `${[...kinds].map((kind) => kind.join(": ")).join(", ")}; ` +
    `${replies} replies, ${lost} transactions lost, ${committed} committed`;
  const fixed = rounds.filter((round) => round.fixed).length;
  console.log(`${rounds.length * CRASHES} crashes, of which ${fixed * CRASHES}: ${said}`);
  if (fixed < FIXED_ROUNDS) return;
  for (
    const kind of [
      "before commit",
      "after commit",
      "before an event",
      "before a statement",
      "after a statement",
      `before word ${REQ_CONS}`,
      `after word ${REQ_CONS}`,
      `before word ${RSP_PROD}`,
      `after word ${RSP_PROD}`,
    ]
  ) {
    assert(kinds.has(kind), `no daemon died ${kind}: ${said}`);
  }
  assert(lost > fixed && committed > fixed, said);
  assert(strangers > 0, "nobody has come in the place of a domain that was known");
});
