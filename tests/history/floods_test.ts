/** However many flood, one after the other or at once, they push out none of those who do little. */
import { assert, assertEquals } from "@std/assert";
import { momentAt } from "../../lib/history/reading.ts";
import { History } from "../../lib/history/history.ts";
import type { Author, HistoryRecord } from "../../lib/history/record.ts";
import type { IsAlive } from "../../lib/history/lives.ts";
import { HistoryUpkeep } from "../../lib/history/upkeep.ts";
import { HISTORY_THINNED_MAX } from "../../lib/limits.ts";
import { Random, testSeed } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";
import { beginHistory, finish, guest, listed, packer, walked, Writer } from "./support.ts";

const DAY = 86_400_000_000;
const BYTES = 1_000_000;

/** Who writes next, and what, of the floods; a value that compresses badly. */
type Next = (
  i: number,
) => { readonly domid: number; readonly path: string; readonly value: string };

function noise(i: number): string {
  let text = "";
  for (let x = i * 2_654_435_761 >>> 0, n = 0; n < 40; n++) {
    x = Math.imul(x ^ x >>> 15, 0x2c1b3c6d) + n >>> 0;
    text += x.toString(36);
  }
  return text;
}

/** Lets them flood and looks whether what others did before, in between and last is there. */
function flood(count: number, next: Next): void {
  const history = beginHistory(), writer = new Writer();
  const upkeep = new HistoryUpkeep(history, {
    bytes: BYTES,
    age: 7 * DAY,
  });
  const quiet: HistoryRecord[] = [];
  let at = 0, most = 0;
  const add = (record: HistoryRecord): void => {
    history.add([record]);
    do upkeep.step(at); while (upkeep.isBehind && upkeep.step(at));
    most = Math.max(most, history.bytes);
  };
  for (let i = 0; i < count; i++) {
    if (i % (count >> 4) === 0) {
      const record = writer.commit(at += 20, guest(1), { [`/quiet/${i}`]: `${i}` });
      quiet.push(record);
      add(record);
    }
    const { domid, path, value } = next(i);
    add(writer.commit(at += 20, guest(domid), { [path]: value }));
  }
  while (upkeep.step(at));
  const records = listed(history);
  const left = records.filter((one) =>
    one.type === "commit" && one.author.kind === "domain" && one.author.domid === 1
  );
  assertEquals(left.map(({ number }) => number), quiet.map(({ number }) => number));
  assert(history.bytes <= BYTES, `${history.bytes} bytes`);
  assert(most <= 1.5 * BYTES, `${most} bytes meanwhile`);
  assertEquals(records.at(-1)!.number, writer.number, "the newest is there");
  assertEquals(walked(finish(momentAt(history, writer.number)).nodes), walked(writer.nodes));
  history.close();
}

Deno.test("two floods at the bound leave what a quiet author did", () => {
  flood(20_000, (i) => {
    const domid = 2 + i % 2;
    return { domid, path: `/local/domain/${domid}/data/${(i >> 1) % 300}`, value: noise(i) };
  });
});

Deno.test("thirty floods at the bound leave what a quiet author did", () => {
  flood(20_000, (i) => {
    const domid = 2 + i % 30;
    const key = Math.floor(i / 30) % 30;
    return { domid, path: `/local/domain/${domid}/data/${key}`, value: noise(i) };
  });
});

Deno.test("floods that take turns leave what a quiet author did", () => {
  flood(20_000, (i) => {
    const domid = 2 + Math.floor(i / 4_000) % 10;
    return { domid, path: `/local/domain/${domid}/data/${i % 60}`, value: noise(i) };
  });
});

for (const atOnce of [1, 3]) {
  Deno.test(`thousands of short lives, ${atOnce} at once, leave what quiet authors did`, async () => {
    await using scratch = await makeScratch();
    const world = new ShortLives(`${scratch.path}/store.history`, testSeed());
    for (let n = 0; n < 1_200; n++) world.live(atOnce);
    world.check();
  });
}

const SECOND = 1_000_000;

/** One that has ended after a long life, one that lives on, and a program. */
const QUIET: readonly [Author, Author, Author] = [
  guest(1),
  guest(2),
  { kind: "process", domid: 0, pid: 7, startTime: 1, uid: 0, command: "toolstack" },
];

/** Domains that begin, do something and end, and quiet authors whose commits must stay. */
class ShortLives {
  readonly #path: string;
  readonly #seed: number;
  readonly #random: Random;
  readonly #writer = new Writer();
  /** Unique ids. */
  readonly #alive = new Set([1n, 2n]);
  readonly #lives: { readonly author: Author; readonly paths: Set<string> }[] = [];
  readonly #quiet: number[] = [];
  #history: History;
  #upkeep: HistoryUpkeep;
  #begun = 10;
  #at = 0;
  #most = 0;

  constructor(path: string, seed: number) {
    this.#path = path;
    this.#seed = seed;
    this.#random = new Random(seed);
    this.#history = beginHistory(path);
    this.#upkeep = this.#start();
    for (let i = 0; i < 50; i++, this.#at += SECOND) this.#doQuietly(QUIET);
    // The first one lives for two hours, in which it does nothing.
    for (let i = 0; i < 720; i++, this.#at += 10 * SECOND) {
      this.#add({ kind: "daemon" }, { [`/daemon/${i % 10}`]: noise(i) });
    }
    this.#alive.delete(1n);
  }

  #start(): HistoryUpkeep {
    const isAlive: IsAlive = (_, uniqueId) => this.#alive.has(uniqueId!);
    return new HistoryUpkeep(this.#history, { bytes: BYTES, age: 7 * DAY }, isAlive);
  }

  #doQuietly(authors: readonly Author[]): void {
    for (const author of authors) {
      const number = this.#writer.number + 1;
      this.#quiet.push(number);
      this.#add(author, { [`/quiet/${number % 20}`]: noise(number) });
    }
  }

  #add(author: Author, values: Record<string, string | null>): void {
    this.#history.add([this.#writer.commit(this.#at, author, values)]);
    do this.#upkeep.step(this.#at); while (
      this.#upkeep.isBehind && this.#upkeep.step(this.#at)
    );
    this.#most = Math.max(this.#most, this.#history.bytes);
  }

  /** One more life begins; those that are more than so many at once end. */
  live(atOnce: number): void {
    const random = this.#random, n = this.#begun++;
    this.#alive.add(BigInt(n));
    this.#lives.push({
      author: { kind: "domain", domid: n, uniqueId: BigInt(n), name: "again" },
      paths: new Set(),
    });
    if (this.#lives.length > atOnce) this.#end();
    for (let i = random.below(30); i >= 0; i--, this.#at += SECOND) {
      const { author, paths } = this.#lives[random.below(this.#lives.length)]!;
      const path = `/local/domain/${author.kind === "domain" ? author.domid : 0}/device/${i}`;
      paths.add(path);
      this.#add(author, { [path]: noise(this.#writer.number) });
    }
    if (n % 100 === 0) this.#doQuietly(QUIET.slice(1));
    // What it knows outlives the daemon.
    if (n % 300 === 0) this.#restart();
  }

  #end(): void {
    const { author, paths } = this.#lives.shift()!;
    if (author.kind === "domain") this.#alive.delete(author.uniqueId!);
    this.#add({ kind: "daemon" }, Object.fromEntries([...paths].map((path) => [path, null])));
  }

  #restart(): void {
    this.#history.close();
    this.#history = new History({ path: this.#path, store: "a store", packer });
    this.#upkeep = this.#start();
  }

  check(): void {
    const history = this.#history, writer = this.#writer;
    while (this.#upkeep.step(this.#at));
    const left = new Set(listed(history).map(({ number }) => number));
    const lost = this.#quiet.filter((number) => !left.has(number));
    assertEquals(lost, [], `XS_SEED=${this.#seed}`);
    assert(history.bytes <= BYTES, `${history.bytes} bytes`);
    assert(this.#most <= 1.5 * BYTES, `${this.#most} bytes meanwhile`);
    assert(history.thinned.length <= HISTORY_THINNED_MAX);
    assert(history.lives.count < this.#begun / 2, `${history.lives.count} are remembered`);
    assertEquals(walked(finish(momentAt(history, writer.number)).nodes), walked(writer.nodes));
    history.close();
  }
}
