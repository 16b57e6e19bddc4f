/** Hidden values that were overwritten or removed are out of all files of the store within a minute, also after a death. */
import { assert, assertEquals } from "@std/assert";
import type { Durability } from "../../lib/journal/database.ts";
import { ImageShelf } from "../../lib/journal/image_shelf.ts";
import { HIDDEN_LOOKED_FOR_MAX } from "../../lib/limits.ts";
import { Redaction } from "../../lib/store/redaction.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toText } from "../../lib/wire/text.ts";
import { CrashPoints, watchDatabases } from "../support/crash_points.ts";
import { Hypervisor, Life, wholeState } from "../support/lives.ts";
import { makeScratch } from "../support/scratch.ts";
import { SimulatedClock } from "../support/simulated_clock.ts";

const OLD = "S3CRETVALUE1", PRESENT = "S3CRETVALUE2";
const KEY = "/vm/7/secret/k";
const DURABILITIES: readonly Durability[] = ["crash", "disk"];

/** A store with a hidden value, in its folder. */
class World {
  readonly clock = new SimulatedClock();
  readonly hypervisor = new Hypervisor();
  life: Life;
  #lives = 0;

  constructor(readonly folder: string, readonly durability: Durability) {
    this.hypervisor.create(0);
    this.life = this.#begin();
  }

  get path(): string {
    return `${this.folder}/store${this.#lives}`;
  }

  #begin(): Life {
    const { clock, durability, hypervisor, path } = this;
    return new Life(hypervisor, path, undefined, durability, "", () => {}, clock);
  }

  /** A turn, with the upkeep that follows it where nothing else is to be done. */
  turn(...requests: [type: number, payload: string, txId?: number][]): string {
    let reply = "";
    for (const [type, payload, txId] of requests) reply = this.life.ask(0, type, payload, txId)!;
    assert(this.life.journal.commit());
    while (this.life.journal.maintain(true));
    return reply;
  }

  /** A minute in which nothing happens but what the journal wants to be woken for. */
  minute(): void {
    for (let second = 0; second < 60; second++) {
      this.clock.advance(1_000);
      if (this.life.journal.maintainAt > this.clock.now()) continue;
      while (this.life.journal.maintain(true));
    }
  }

  /** Kills the daemon, and begins the next on what it leaves. */
  kill(): void {
    const { life } = this;
    this.#lives++;
    life.copyFiles(this.path);
    life.close();
    this.life = this.#begin();
  }

  /** Which of the store's files have these bytes. */
  filesWith(text: string): string[] {
    const files = [...Deno.readDirSync(this.folder)].map(({ name }) => name)
      .filter((name) => name.startsWith(`store${this.#lives}`));
    assert(files.length >= 3, `${files}`);
    return files.filter((name) =>
      toText(Deno.readFileSync(`${this.folder}/${name}`)).includes(text)
    );
  }

  [Symbol.dispose](): void {
    this.life.close();
  }
}

async function withWorlds(test: (world: World) => void): Promise<void> {
  for (const durability of DURABILITIES) {
    await using scratch = await makeScratch();
    using world = new World(scratch.path, durability);
    test(world);
  }
}

/** Many nodes, so that images have several pieces, and rows and pages come and go before. */
function fill(world: World, turns = 40): void {
  for (let i = 0; i < turns; i++) {
    const value = `${i}`.repeat(500);
    world.turn(...[0, 1, 2].map((n): [number, string] => [T.WRITE, `/n${i * 3 + n}\0${value}`]));
  }
}

const CHANGES: { readonly name: string; readonly change: (world: World) => void }[] = [
  { name: "overwritten", change: (world) => void world.turn([T.WRITE, `${KEY}\0${PRESENT}`]) },
  { name: "removed", change: (world) => void world.turn([T.RM, `${KEY}\0`]) },
  { name: "removed with what is above", change: (world) => void world.turn([T.RM, "/vm\0"]) },
  {
    name: "removed and made again in one turn",
    change: (world) => void world.turn([T.RM, "/vm\0"], [T.WRITE, `${KEY}\0${PRESENT}`]),
  },
  {
    name: "overwritten by a transaction",
    change: (world) => {
      const reply = world.turn([T.TRANSACTION_START, "\0"]);
      const txId = Number(/\d+/.exec(reply)![0]);
      world.turn([T.WRITE, `${KEY}\0${PRESENT}`, txId]);
      assertEquals(world.turn([T.TRANSACTION_END, "T\0", txId]), "TRANSACTION_END OK\0");
    },
  },
];

for (const { change, name } of CHANGES) {
  Deno.test(`erasure: a hidden value that was ${name} is in no file a minute later`, async () => {
    await withWorlds((world) => {
      fill(world);
      world.turn([T.WRITE, `${KEY}\0${OLD}`]);
      fill(world);
      world.minute();
      assert(world.filesWith(OLD).length > 0, "the present value is kept");
      change(world);
      assert(world.filesWith(OLD).length > 0, "it was there");
      world.minute();
      assertEquals(world.filesWith(OLD), []);
      const state = wholeState(world.life.state);
      world.kill();
      assertEquals(wholeState(world.life.state), state);
      // It owes nothing any more.
      assertEquals(world.life.journal.maintainAt, Infinity);
    });
  });
}

Deno.test("erasure: what a domain had is in no file a minute after its death", async () => {
  await withWorlds((world) => {
    world.hypervisor.create(7);
    world.turn([T.MKDIR, "/local/domain/7\0"], [T.SET_PERMS, "/local/domain/7\0n7\0"]);
    world.turn([T.INTRODUCE, "7\x001\x007\0"]);
    world.life.ask(7, T.WRITE, `data/set_clipboard\0${OLD}`);
    world.turn();
    assert(world.filesWith(OLD).length > 0);
    world.hypervisor.destroy(7);
    world.turn([T.RELEASE, "7\0"], [T.RM, "/local/domain/7\0"]);
    world.minute();
    assertEquals(world.filesWith(OLD), []);
  });
});

Deno.test("erasure: patterns of the operator count, and values that came within one image", async () => {
  await withWorlds((world) => {
    world.life.journal.redaction = new Redaction(["/mine/*"]);
    for (let i = 0; i < 20; i++) {
      world.turn([T.WRITE, `/mine/k\0${OLD}`]);
      world.turn([T.WRITE, `/mine/k\0${PRESENT}`]);
      world.clock.advance(7_000);
      while (world.life.journal.maintain(true));
    }
    world.minute();
    assertEquals(world.filesWith(OLD), []);
    assert(world.filesWith(PRESENT).length > 0);
  });
});

Deno.test("erasure: a tree that takes the place of another one owes it, once all have heard", async () => {
  await withWorlds(({ life: { journal, state } }) => {
    assert(journal.commit());
    journal.stage("/", state.tree.root);
    journal.adoptStaged();
    assert(journal.commit());
    assertEquals(journal.maintainAt, Infinity);
    journal.endStaging(true);
    assert(journal.commit());
    assert(journal.maintainAt < Infinity);
  });
});

Deno.test("erasure: it comes to its end between turns of busy clients, too", async () => {
  await withWorlds((world) => {
    fill(world);
    world.turn([T.WRITE, `${KEY}\0${OLD}`]);
    world.turn([T.WRITE, `${KEY}\0${PRESENT}`]);
    for (let i = 0; i < 6_000; i++) {
      world.life.ask(0, T.WRITE, `/busy\0${i}`);
      assert(world.life.journal.commit());
      world.clock.advance(10);
      world.life.journal.maintain(false);
    }
    assertEquals(world.filesWith(OLD), []);
  });
});

Deno.test("erasure: the next life does what a killed one owed", async () => {
  await withWorlds((world) => {
    fill(world);
    world.turn([T.WRITE, `${KEY}\0${OLD}`]);
    world.turn([T.WRITE, `${KEY}\0${PRESENT}`]);
    world.kill();
    assert(world.filesWith(OLD).length > 0, "it was there");
    world.minute();
    assertEquals(world.filesWith(OLD), []);
    assert(world.filesWith(PRESENT).length > 0);
  });
});

Deno.test("erasure: a death at any of its steps loses nothing, and the next life ends it", async () => {
  for (const durability of DURABILITIES) {
    let survived = false;
    for (let step = 1; !survived; step++) {
      await using scratch = await makeScratch();
      using world = new World(scratch.path, durability);
      fill(world, 6);
      world.turn([T.WRITE, `${KEY}\0${OLD}`]);
      world.turn([T.WRITE, `${KEY}\0${PRESENT}`], [T.RM, "/n5\0"]);
      const state = wholeState(world.life.state);
      const points = new CrashPoints();
      const undo = watchDatabases(points);
      points.arm(step);
      survived = points.run(() => world.minute());
      undo();
      points.reborn();
      world.kill();
      assertEquals(wholeState(world.life.state), state, `${durability}, step ${step}`);
      world.minute();
      assertEquals(world.filesWith(OLD), [], `${durability}, step ${step}`);
      assert(!survived || step > 15, `only ${step} steps`);
    }
  }
});

/** How many images are begun while `act` runs. */
function imagesIn(act: () => void): number {
  const { begin } = ImageShelf.prototype;
  let images = 0;
  ImageShelf.prototype.begin = function (...args): number {
    images++;
    return begin.apply(this, args);
  };
  try {
    act();
  } finally {
    ImageShelf.prototype.begin = begin;
  }
  return images;
}

Deno.test("erasure: nothing is done where no hidden value is dropped, and one image for many", async () => {
  await withWorlds((world) => {
    world.turn([T.WRITE, `${KEY}\0${OLD}`]);
    const quiet = imagesIn(() => {
      for (let i = 0; i < 5; i++) {
        world.turn([T.WRITE, `/a/b\0${i}`], [T.WRITE, `/other-secret${i}\0new`]);
        world.turn([T.SET_PERMS, `${KEY}\0r0\0`], [T.RM, "/a\0"], [T.MKDIR, "/secrets\0"]);
        world.turn([T.RM, "/secrets\0"]);
        assertEquals(world.life.journal.maintainAt, Infinity);
        world.minute();
      }
    });
    assertEquals(quiet, 0);
    const busy = imagesIn(() => {
      for (let i = 0; i < 50; i++) world.turn([T.WRITE, `${KEY}\0${i}`]);
      world.minute();
      world.minute();
    });
    assertEquals(busy, 1);
  });
});

Deno.test("erasure: no path is asked about that was new, or once an erasure is owed; of removed ones, few", async () => {
  await withWorlds((world) => {
    const asked: string[] = [];
    const redaction = new Redaction();
    world.life.journal.redaction = Object.assign(Object.create(redaction), {
      hides: (path: string) => (asked.push(path), redaction.hides(path)),
    });
    const { life } = world;
    for (let i = 0; i < 2 * HIDDEN_LOOKED_FOR_MAX; i++) life.ask(0, T.WRITE, `/many/${i}\0v`);
    world.turn();
    assertEquals(asked, []);
    world.turn([T.WRITE, "/many/1\0w"]);
    assertEquals(asked, ["/many/1"]);
    world.turn([T.RM, "/many\0"]);
    assert(asked.length <= HIDDEN_LOOKED_FOR_MAX + 1, `${asked.length}`);
    assert(world.life.journal.maintainAt < Infinity, "it is taken for granted");
    const { length } = asked;
    world.turn([T.WRITE, `${KEY}\0${OLD}`]);
    world.turn([T.WRITE, `${KEY}\0${PRESENT}`]);
    assertEquals(asked.length, length);
  });
});
