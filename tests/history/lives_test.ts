/** Which domains share a part of the history's bound. */
import { assert, assertEquals } from "@std/assert";
import { History } from "../../lib/history/history.ts";
import { LivesUpkeep } from "../../lib/history/lives_upkeep.ts";
import type { Author } from "../../lib/history/record.ts";
import { HISTORY_LIVES_MIN } from "../../lib/limits.ts";
import { Client } from "../../lib/client/client.ts";
import { encodeMessage } from "../../lib/wire/header.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { until } from "../support/patience.ts";
import { startRecorded } from "../support/recorded_daemon.ts";
import { makeScratch } from "../support/scratch.ts";
import { beginHistory, packer, Writer } from "./support.ts";

const MINUTE = 60_000_000;

/** A history to which domains do something, each in a block of its own. */
class World implements Disposable {
  readonly #path: string;
  readonly #writer = new Writer();
  readonly alive = new Set<number>();
  history: History;
  #upkeep: LivesUpkeep;

  constructor(path: string) {
    this.#path = path;
    this.history = beginHistory(path);
    this.#upkeep = this.#start();
  }

  #start(): LivesUpkeep {
    return new LivesUpkeep(this.history, (domid) => this.alive.has(domid));
  }

  /** Domains do something, those of them that are new begin; the block is closed. */
  act(at: number, ...domids: readonly number[]): void {
    for (const domid of domids) {
      this.alive.add(domid);
      const author: Author = { kind: "domain", domid, uniqueId: BigInt(domid), name: null };
      this.history.add([this.#writer.commit(at, author, { [`/${domid}`]: `${at}` })]);
    }
    this.history.beginKeyframe(at, []);
    this.look(at);
  }

  /** What is done between turns. */
  look(at: number): void {
    while (this.#upkeep.step(at));
  }

  end(...domids: readonly number[]): void {
    for (const domid of domids) this.alive.delete(domid);
  }

  /** The first domain of the share that each of these has. */
  shares(...domids: readonly number[]): number[] {
    return domids.map((domid) =>
      Number(this.history.lives.shareOf(`domain ${domid} ${domid}`).split(" ")[1])
    );
  }

  restart(): void {
    this.history.close();
    this.history = new History({ path: this.#path, store: "a store", packer });
    this.#upkeep = this.#start();
  }

  [Symbol.dispose](): void {
    this.history.close();
  }
}

async function inWorld(action: (world: World) => void): Promise<void> {
  await using scratch = await makeScratch();
  using world = new World(`${scratch.path}/store.history`);
  action(world);
}

Deno.test("a domain takes the share of the last that ended after a short life, and no living one's", () =>
  inWorld((world) => {
    world.act(1, 1, 2);
    world.act(2, 3);
    assertEquals(world.shares(1, 2, 3), [1, 2, 3]);
    world.end(2);
    world.look(3);
    world.end(1);
    world.look(4);
    world.act(5, 4);
    world.act(6, 5, 6);
    assertEquals(world.shares(4, 5, 6), [1, 2, 6]);
    world.end(4);
    world.act(7, 7);
    assertEquals(world.shares(7), [1]);
    assertEquals(world.history.lives.shareOf("program 0 xl"), "program 0 xl");
  }));

Deno.test("a domain that has lived for an hour keeps its share, also over a restart", () =>
  inWorld((world) => {
    world.act(0, 1, 2);
    world.look(59 * MINUTE);
    world.end(1);
    world.look(61 * MINUTE);
    world.restart();
    world.end(2);
    // Nobody has looked since then.
    world.act(62 * MINUTE, 3);
    world.act(63 * MINUTE, 4);
    assertEquals(world.shares(1, 2, 3, 4), [1, 2, 1, 4]);
    world.restart();
    assertEquals(world.shares(1, 2, 3, 4), [1, 2, 1, 4]);
    world.end(3, 4);
    world.act(64 * MINUTE, 5);
    world.act(65 * MINUTE, 6, 7);
    assertEquals(world.shares(5, 6, 7), [4, 1, 7]);
  }));

Deno.test("what could not be written of domains is told again", () =>
  inWorld((world) => {
    const { commit } = world.history;
    world.act(1, 1);
    world.end(1);
    world.history.commit = (change) => {
      commit.call(world.history, () => {
        change();
        throw new Error("disk I/O error");
      });
      return false;
    };
    world.act(2, 2);
    assertEquals(world.shares(1, 2), [1, 2]);
    world.history.commit = commit;
    world.act(3, 3);
    assertEquals(world.shares(2, 3), [1, 3]);
  }));

Deno.test("ended domains without records are forgotten", () =>
  inWorld((world) => {
    const { history } = world;
    for (let domid = 1; domid <= HISTORY_LIVES_MIN; domid++) {
      world.act(domid, domid);
      world.end(domid);
      // As if it were thinned.
      for (const head of [...history.closed]) history.blocks.remove(head);
    }
    assertEquals(history.lives.count, HISTORY_LIVES_MIN);
    world.act(1_000, 1_000);
    world.look(1_001);
    assert(history.lives.count <= 2, `${history.lives.count}`);
  }));

Deno.test("a daemon says which of its domains have ended", async () => {
  await using server = await startRecorded();
  const { domains, history } = server, reply = new Uint8Array(64);
  await using client = await Client.connect({ socket: server.socketPath });
  const holders: string[] = [];
  const act = async (domid: number): Promise<string> => {
    domains.create(domid);
    const { uniqueId } = domains.info(domid)!;
    await client.introduce(domid, 1, 5);
    const home = `/local/domain/${domid}`, guest = domains.guest(domid);
    await client.write(home, "");
    await client.setPerms(home, [{ domid, access: "n" }]);
    const request = encodeMessage(T.WRITE, 1, 0, toBytes(`${home}/data\0x`)).slice();
    guest.write(request, 0, request.length);
    await until("the guest's answer", () => guest.read(reply, 0, 64) > 0);
    assertEquals(reply[0], T.WRITE);
    // Its block is closed.
    history.beginKeyframe(Date.now() * 1_000, []);
    const holder = `domain ${domid} ${uniqueId}`;
    await until("the domain to be known", async () => {
      // Between turns it is looked at.
      await client.write("/turn", "");
      return history.lives.knows(holder);
    });
    holders.push(holder);
    return history.lives.shareOf(holder);
  };
  assertEquals([await act(3), await act(4)], holders);
  domains.die(3);
  // The same number is another domain's, and the one whose place it takes is the last that has ended.
  domains.remove(3);
  await until("the end of the domain", async () => !(await client.isDomainIntroduced(3)));
  assertEquals(await act(3), holders[0]);
  assertEquals(await act(5), holders[3]);
});
