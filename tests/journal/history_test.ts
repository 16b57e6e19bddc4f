import { assert, assertEquals } from "@std/assert";
import { QUOTAS } from "../../lib/engine/quotas.ts";
import type { Upkeep } from "../../lib/journal/journal_parts.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { randomRequest } from "../support/engine_client.ts";
import { type Random, roundsOf, withSeed } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";
import { assertSurvives, Hypervisor, Life } from "../support/lives.ts";

const GUESTS = [1, 2, 3];
/** Rounds that are the same in each run, in which transactions are known to be lost. */
const FIXED_ROUNDS = 6;

/** So eager that images, deletions and checkpoints happen all the time. */
const EAGER: Upkeep = {
  imageAfterBytes: 2_000,
  pagesPerCheckpoint: 10,
  rowsDeletedMax: 7,
  drainBytes: 500,
};

/** Random requests and events, with what must hold of their answers across lives. */
class History {
  /** Open transactions by domid; `lost` once a life has ended since they began. */
  readonly #open = new Map<number, { id: number; lost: boolean; wrote: boolean }[]>();
  readonly #idLast = new Map<number, number>();
  lostRefused = 0;

  constructor(readonly random: Random, readonly hypervisor: Hypervisor, public life: Life) {}

  /** The life ends: what was open is lost, and dom0's client hung up. */
  died(next: Life): void {
    for (const open of this.#open.values()) for (const one of open) one.lost = true;
    this.#open.delete(0);
    this.#idLast.delete(0);
    this.life = next;
  }

  step(): void {
    const dice = this.random.next();
    const domid = this.random.pick([0, ...GUESTS]);
    if (dice < 0.5) this.#nodes(domid);
    else if (dice < 0.7) this.#transact(domid);
    else if (dice < 0.8) this.#watch(domid);
    else if (dice < 0.9) this.#privileged();
    else if (dice < 0.93) this.#live(this.random.pick(GUESTS));
    this.#maintain();
  }

  #maintain(): void {
    const { journal } = this.life;
    if (this.random.chance(0.7)) assert(journal.commit());
    if (this.random.chance(0.5)) journal.maintain(this.random.chance(0.8));
  }

  #nodes(domid: number): void {
    const [type, payload] = randomRequest(this.random);
    const open = this.#open.get(domid) ?? [];
    const within = open.length > 0 && this.random.chance(0.6) ? this.random.pick(open) : null;
    const long = type === MessageType.WRITE && this.random.chance(0.05);
    this.life.ask(domid, type, long ? payload + "x".repeat(1500) : payload, within?.id ?? 0);
    if (within !== null && type === MessageType.WRITE) within.wrote = true;
  }

  #transact(domid: number): void {
    const { life, random } = this;
    const open = this.#open.get(domid) ?? [];
    if (open.length < 3 && random.chance(0.6)) {
      const reply = life.ask(domid, MessageType.TRANSACTION_START, "\0");
      if (reply === null || reply.startsWith("ERROR")) return;
      const id = parseInt(reply.split(" ")[1]!);
      assert(id > (this.#idLast.get(domid) ?? 0), `transaction id ${id} of ${domid} given again`);
      this.#idLast.set(domid, id);
      this.#open.set(domid, [...open, { id, lost: false, wrote: false }]);
      return;
    }
    const ended = open.splice(random.below(open.length), 1)[0];
    if (ended === undefined) return;
    const reply = life.ask(domid, MessageType.TRANSACTION_END, "T\0", ended.id);
    if (ended.lost) {
      assertEquals(reply, "ERROR EAGAIN\0");
      this.lostRefused++;
      assertEquals(
        life.ask(domid, MessageType.TRANSACTION_END, "T\0", ended.id),
        "ERROR ENOENT\0",
      );
    }
  }

  #watch(domid: number): void {
    const { life, random } = this;
    const path = random.pick(["/a", "/a/b", "c", "@releaseDomain", "/"]);
    const token = random.pick(["t", "u", "\xff b"]);
    const dice = random.next();
    if (dice < 0.6) {
      const depth = random.chance(0.3) ? `\0${random.pick([0, 2, 99999999999])}` : "";
      life.ask(domid, MessageType.WATCH, `${path}\0${token}${depth}\0`);
    } else if (dice < 0.95) {
      life.ask(domid, MessageType.UNWATCH, `${path}\0${token}\0`);
    } else {
      life.ask(domid, MessageType.RESET_WATCHES, "\0");
      this.#open.delete(domid);
    }
  }

  #privileged(): void {
    const { life, random } = this;
    const domid = random.pick(GUESTS);
    const ask = (type: number, ...words: (string | number)[]): string | null =>
      life.ask(0, type, words.map((word) => `${word}\0`).join(""));
    switch (random.below(8)) {
      case 0:
        return void ask(
          MessageType.SET_PERMS,
          random.pick(["@releaseDomain", "@introduceDomain"]),
          ...random.pick([["n0", "r1"], ["n2", "b77"], ["n0"]]),
        );
      case 1:
        return void ask(
          MessageType.SET_QUOTA,
          ...(random.chance(0.5) ? [domid] : []),
          random.pick(QUOTAS.slice(6)).name,
          500 + random.below(5),
        );
      case 2:
        return void ask(MessageType.SET_FEATURE, domid, random.pick([14, 6]));
      case 3:
        return void ask(MessageType.SET_TARGET, domid, random.pick(GUESTS));
      case 4:
        return void ask(MessageType.RESUME, domid);
      case 5:
        return random.chance(0.5)
          ? void ask(MessageType.CONTROL, "log", random.pick(["on", "off"]))
          : void ask(MessageType.CONTROL, "logfile", `/trace${random.below(3)}`);
      default:
        return this.#introduce(domid);
    }
  }

  #introduce(domid: number): void {
    const known = this.life.state.domains.get(domid)?.connection ?? null;
    const release = known !== null && this.random.chance(0.3);
    if (release) this.life.ask(0, MessageType.RELEASE, `${domid}\0`);
    else this.life.ask(0, MessageType.INTRODUCE, `${domid}\0${1}\0${1 + this.random.below(9)}\0`);
    this.#open.delete(domid);
    if (release || known === null) this.#idLast.delete(domid);
  }

  #live(domid: number): void {
    const { hypervisor, life, random } = this;
    if (hypervisor.info(domid) === null) hypervisor.create(domid);
    else if (random.chance(0.5)) hypervisor.shutDown(domid);
    else {
      hypervisor.destroy(domid);
      if (random.chance(0.3)) hypervisor.create(domid);
      this.#open.delete(domid);
      this.#idLast.delete(domid);
    }
    life.engine.domainsChanged();
  }
}

async function run(random: Random, upkeep: Upkeep): Promise<number> {
  await using scratch = await makeScratch();
  const hypervisor = new Hypervisor();
  for (const domid of [0, ...GUESTS]) hypervisor.create(domid);
  let path = `${scratch.path}/store0`;
  const history = new History(random, hypervisor, new Life(hypervisor, path, upkeep));
  for (const domid of GUESTS) {
    history.life.ask(0, MessageType.INTRODUCE, `${domid}\0${1}\0${domid}\0`);
  }
  for (let life = 1; life <= 4; life++) {
    for (let step = 1; step <= 150; step++) {
      history.step();
      if (step % 25 === 0) assertSurvives(history.life, hypervisor, `${scratch.path}/copy`);
    }
    assert(history.life.journal.commit());
    const next = `${scratch.path}/store${life}`;
    history.life.copyFiles(next);
    history.life.close();
    path = next;
    history.died(new Life(hypervisor, path, upkeep));
  }
  history.life.close();
  return history.lostRefused;
}

Deno.test("recovery: whatever was done, the next life has all of it", async () => {
  let lostRefused = 0, counted = 0;
  for (const { fixed, seed } of roundsOf(Number(Deno.env.get("XS_ROUNDS") ?? 12), FIXED_ROUNDS)) {
    let done: Promise<number> | undefined;
    withSeed((random) => {
      done = run(random, random.chance(0.8) ? EAGER : { ...EAGER, imageAfterBytes: 1e9 });
    }, seed);
    try {
      const refused = await done!;
      if (!fixed) continue;
      lostRefused += refused;
      counted++;
    } catch (error) {
      throw new Error(`failed with XS_SEED=${seed} XS_ROUNDS=1`, { cause: error });
    }
  }
  assert(
    counted < FIXED_ROUNDS || lostRefused > 0,
    `${counted} rounds refused no lost transaction`,
  );
});
