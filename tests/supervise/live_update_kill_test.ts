/** A supervised daemon that dies while another takes its place: its clients notice nothing. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { RawClient } from "../support/raw_client.ts";
import { update } from "../support/operator.ts";
import { xsCommand } from "../support/daemon.ts";
import { pause, until, within } from "../support/patience.ts";
import { Random, testSeed } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";
import { DIED, RUN_XS, successor } from "./successor.ts";
import { heldBy, Supervised } from "../support/supervised.ts";

const DEATHS = Number(Deno.env.get("XS_DEATHS") ?? 8);

/** Long enough for the next program to have come up, on a machine that is not too busy, in ms. */
const MOMENTS_MS = 600;

/** A client that writes, watches, and knows what it must see. */
class Witness {
  #written = 0;

  private constructor(readonly client: RawClient, readonly top: string) {}

  static async connect(path: string, top: string): Promise<Witness> {
    const client = await RawClient.connect(path);
    assertEquals(await client.ask(T.WATCH, `${top}\0token\0`), "OK\0");
    assertEquals((await client.next())?.text, `${top}\0token\0`);
    return new Witness(client, top);
  }

  async send(): Promise<void> {
    await this.client.send(T.WRITE, ++this.#written, `${this.top}\0${this.#written}`);
  }

  /** One event, or the same twice, and the reply. */
  async hear(): Promise<void> {
    let events = 0;
    for (;;) {
      const message = await this.client.next();
      assert(message !== null, `${this.top}: hung up`);
      if (message.type === T.WATCH_EVENT) {
        assertEquals(message.text, `${this.top}\0token\0`);
        events++;
        continue;
      }
      assertEquals([message.reqId, message.text], [this.#written, "OK\0"]);
      break;
    }
    assert(events > 0, `${this.top}: the watch did not fire`);
    await this.client.send(T.READ, 0, `${this.top}\0`);
    for (;;) {
      const message = await this.client.next();
      if (message?.type === T.WATCH_EVENT) continue;
      assertEquals(message?.text, `${this.#written}`);
      return;
    }
  }
}

async function withWitnesses(
  args: readonly string[],
  body: (supervised: Supervised, witnesses: Witness[]) => Promise<void>,
): Promise<void> {
  await using supervised = await Supervised.start(args);
  try {
    const witnesses: Witness[] = [];
    for (let i = 0; i < 3; i++) witnesses.push(await Witness.connect(supervised.path, `/${i}`));
    await body(supervised, witnesses);
    for (const { client } of witnesses) client.close();
    await until("nobody held", () => heldBy(supervised.server.pid) === 2);
  } catch (error) {
    throw new Error(supervised.server.output(), { cause: error });
  }
}

Deno.test("supervised: a program that dies as it takes over leaves all to the next life", async () => {
  await using scratch = await makeScratch();
  await withWitnesses(["--restart-delay=0"], async (supervised, witnesses) => {
    for (const then of ["kill -KILL $$", "exit 1"]) {
      const file = successor(scratch.path, then);
      const operator = await RawClient.connect(supervised.path);
      for (const witness of witnesses) await witness.send();
      for (const witness of witnesses) await witness.hear();
      const commandLine = `serve --socket ${supervised.path}`;
      assertEquals(await within(update(operator, { file, commandLine }), "answer"), DIED);
      for (const witness of witnesses) await witness.send();
      for (const witness of witnesses) await witness.hear();
      operator.close();
    }
    assertStringIncludes(supervised.server.output(), "takes over");
  });
});

Deno.test("supervised: a program that can't go on with what is held, and one that dies so", async () => {
  await using scratch = await makeScratch();
  await using supervised = await Supervised.start(["--restart-delay=0"]);
  try {
    const { pid } = supervised.server;
    const commandLine = `serve --socket ${supervised.path}`;
    const witness = await Witness.connect(supervised.path, "/a");
    let operator = await RawClient.connect(supervised.path);
    await witness.send();
    await witness.hear();
    // They are held anew, and go on behind a death; clients to come are accepted by the daemon.
    const other = { file: successor(scratch.path, RUN_XS, false), commandLine };
    assertEquals(await within(update(operator, other), "answer"), "OK");
    const late = await Witness.connect(supervised.path, "/late");
    await until("three clients held", () => heldBy(pid) === 5);
    await supervised.kill();
    for (const one of [witness, late]) await one.send();
    for (const one of [witness, late]) await one.hear();
    // One that dies hangs them up: all that they were told is there.
    const dying = { file: successor(scratch.path, "kill -KILL $$", false), commandLine };
    await assertRejects(() => within(update(operator, dying), "answer"));
    assertEquals(await witness.client.next(), null);
    assertEquals(await late.client.next(), null);
    operator.close();
    operator = await RawClient.connect(supervised.path);
    const next = await RawClient.connect(supervised.path);
    for (const [top, value] of [["/a", "2"], ["/late", "1"]]) {
      assertEquals(await next.ask(T.READ, `${top}\0`), value);
    }
    assert(!(await next.ask(T.CONTROL, "check\0")).includes("Correct accounting"));
    for (const client of [witness.client, late.client, next, operator]) client.close();
    await until("nobody held", () => heldBy(pid) === 2);
  } catch (error) {
    throw new Error(supervised.server.output(), { cause: error });
  }
});

Deno.test("supervised: SIGKILL at random moments of a live update", async () => {
  const seed = testSeed();
  const random = new Random(seed);
  let [died, done] = [0, 0];
  await withWitnesses(["--restarts=0", "--restart-delay=0"], async (supervised, witnesses) => {
    for (let death = 1; death <= DEATHS; death++) {
      const operator = await RawClient.connect(supervised.path);
      const said = supervised.server.output().length;
      const updated = update(operator, { file: xsCommand()[0] }, "-t", "20");
      await until(
        "the update",
        () => supervised.server.output().slice(said).includes("takes over"),
      );
      const asked = random.chance(0.7);
      if (asked) { for (const witness of witnesses) await witness.send(); }
      await pause(random.below(MOMENTS_MS));
      await supervised.kill();
      if (!asked) { for (const witness of witnesses) await witness.send(); }
      for (const witness of witnesses) await witness.hear();
      const answer = await within(updated, "the operator's answer");
      assert(answer === DIED || answer === "OK", `${answer} with XS_SEED=${seed}`);
      if (answer === "OK") done++;
      else died++;
      operator.close();
    }
  });
  console.log(`${DEATHS} deaths: ${died} before the next daemon, ${done} behind it`);
});
