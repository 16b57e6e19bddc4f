/**
 * A daemon whose clients' sockets are held, killed at any step of its own: the clients see nothing
 * of it but EAGAIN at the end of a transaction.
 */
import { assert, assertEquals } from "@std/assert";
import { openDescriptors } from "../../ffi/exec.ts";
import { Random, roundsOf } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";
import { HeldLives } from "./held_lives.ts";
import { SHARED, SocketGuest } from "./socket_guest.ts";

const CLIENTS = 4;
/** Deaths in one world. */
const DEATHS = 25;
/** Rounds that are the same in each run, in which everything is known to happen. */
const FIXED_ROUNDS = 16;
/** Moments that are rare among all, and are chosen more often for that. */
const KINDS = ["commit", "receiving", "sending", "giving away", "renaming", "taking back"];
const RARE = KINDS.flatMap((what) => [
  `before ${what}`,
  `after ${what}`,
]);

/** The clients of one daemon. */
class Story {
  readonly #random: Random;
  readonly lives: HeldLives;
  clients: SocketGuest[] = [];
  #clientsLast = 0;
  #refused = 0;
  #written = 0;
  replies = 0;
  lost = 0;
  committed = 0;

  constructor(random: Random, folder: string, isAccepting: boolean) {
    this.#random = random;
    this.lives = new HeldLives(folder, isAccepting);
    for (let i = 0; i < CLIENTS; i++) this.#connect();
  }

  #connect(): void {
    this.clients.push(new SocketGuest(++this.#clientsLast, this.lives.path, this.#random));
  }

  /** Somebody leaves, whatever may be on its way, and somebody else comes. */
  #replace(client: SocketGuest): void {
    this.replies += client.guest.replies;
    this.lost += client.guest.lost;
    this.committed += client.guest.committed;
    client.end.close();
    this.clients = this.clients.filter((other) => other !== client);
    this.#connect();
  }

  #act(client: SocketGuest): void {
    const { guest } = client;
    const { life } = this.lives;
    if (this.#random.chance(0.5)) guest.act(life);
    const most = this.#random.chance(0.3) ? 1 + this.#random.below(100) : 4096;
    if (this.#random.chance(0.6)) this.#receive(client, most);
    guest.flush();
  }

  #receive(client: SocketGuest, most: number): boolean {
    const count = client.guest.receive(this.lives.life, most);
    if (!client.refused) return count > 0;
    this.#refused++;
    this.#replace(client);
    return false;
  }

  /** The daemon dies; while it is dead its clients go on. */
  die(): void {
    const { lives } = this;
    for (let step = this.#random.below(12); step > 0; step--) this.#act(this.#pick());
    if (this.#random.chance(0.2)) this.#replace(this.#pick());
    lives.reincarnate(this.#random.chance(0.3) ? 1 + this.#random.below(40) : Infinity);
    for (const { guest, top } of this.clients) guest.assertPossible(nodesOf(lives, top));
  }

  #pick(): SocketGuest {
    return this.#random.pick(this.clients);
  }

  step(): void {
    const dice = this.#random.next();
    if (dice < 0.55) return this.#act(this.#pick());
    if (dice < 0.57) return this.#replace(this.#pick());
    if (!this.lives.turn(this.#random.chance(0.8))) this.die();
  }

  /** Lets everything come to rest; whoever waits for ever has lost something. */
  rest(): void {
    const { lives } = this;
    for (let step = 0, idle = 0; step < 5000; step++) {
      let moved = false;
      for (const client of this.clients) {
        if (client.guest.inTransaction) client.guest.act(lives.life, true);
        moved = this.#receive(client, 4096) || moved;
        client.guest.flush();
      }
      if (!lives.turn()) this.die();
      const quiet = this.clients.every(({ guest }) => guest.quiet && !guest.inTransaction);
      idle = quiet && !moved && !lives.pending ? idle + 1 : 0;
      if (idle > 3) return;
    }
    const waiting = this.clients.filter(({ guest }) => !guest.quiet).map(({ top }) => top);
    assert(false, `${waiting} wait for ever`);
  }

  /** Watches from lives ago still fire. */
  checkWatches(): void {
    this.rest();
    const before = this.clients.map(({ guest }) => guest.events.get("shared") ?? 0);
    const writer = this.#pick().guest;
    writer.write(SHARED, `${++this.#written}`, this.lives.life);
    this.rest();
    this.clients.forEach(({ guest, top }, index) => {
      assert(guest.events.get("shared")! > before[index]!, `the watch of ${top} is gone`);
    });
  }

  /** Who has left is forgotten by all, who is there by none. */
  checkEnds(): void {
    this.rest();
    const { connections, holder } = this.lives;
    assertEquals(connections, this.clients.length, "connections");
    assertEquals(holder.count, this.clients.length + 1, "held descriptors");
    assert(this.#refused <= holder.lost, "a client was hung up for no reason");
    for (const { guest, top } of this.clients) guest.assertPossible(nodesOf(this.lives, top));
  }

  run(): void {
    const { lives } = this;
    for (let death = 0; death < DEATHS; death++) {
      const { life } = lives;
      if (this.#random.chance(0.4)) lives.points.arm(1, this.#random.pick(RARE));
      else lives.points.arm(1 + this.#random.below(this.#random.chance(0.3) ? 10 : 300));
      for (let step = 0; lives.life === life && step < 300; step++) this.step();
      if (lives.life === life) this.die();
      if (this.#random.chance(0.3)) this.checkWatches();
      if (this.#random.chance(0.3)) this.checkEnds();
    }
    lives.points.arm(Infinity);
    this.checkWatches();
    this.checkEnds();
    for (const client of [...this.clients]) this.#replace(client);
  }

  end(): void {
    this.lives.end();
    for (const { end } of this.clients) end.close();
  }
}

function nodesOf(lives: HeldLives, top: string): Map<string, string> {
  const nodes = lives.nodesBelow(top);
  // Made with the first node below.
  nodes.delete("data");
  return nodes;
}

Deno.test("killed at any step, a daemon keeps the clients whose sockets are held", async () => {
  const rounds = roundsOf(Number(Deno.env.get("XS_ROUNDS") ?? 24), FIXED_ROUNDS);
  const kinds = new Map<string, number>();
  let [lost, committed, replies] = [0, 0, 0];
  const before = openDescriptors().length;
  for (const { fixed, seed } of rounds) {
    await using scratch = await makeScratch();
    // Half of them under who accepts for the daemon, where nobody at all is to be hung up.
    const story = new Story(new Random(seed), scratch.path, seed % 2 === 0);
    try {
      story.run();
    } catch (error) {
      throw new Error(`failed with XS_SEED=${seed} XS_ROUNDS=1`, { cause: error });
    }
    story.end();
    if (!fixed) continue;
    for (const [kind, count] of story.lives.points.taken) {
      kinds.set(kind, (kinds.get(kind) ?? 0) + count);
    }
    lost += story.lost;
    committed += story.committed;
    replies += story.replies;
  }
  assertEquals(openDescriptors().length, before, "descriptors are left");
  const said = `${[...kinds].map((kind) => kind.join(": ")).join(", ")}; ` +
    `${replies} replies, ${lost} transactions lost, ${committed} committed`;
  const fixed = rounds.filter((round) => round.fixed).length;
  console.log(`${rounds.length * DEATHS} deaths, of which ${fixed * DEATHS}: ${said}`);
  if (fixed < FIXED_ROUNDS) return;
  for (const what of KINDS) {
    for (const when of ["before", "after"]) {
      assert(kinds.has(`${when} ${what}`), `no daemon died ${when} ${what}: ${said}`);
    }
  }
  assert(lost > fixed && committed > fixed, said);
});
