/** `xs serve --supervise`, whose daemon is killed with SIGKILL at random moments under clients. */
import { assert, assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { RawClient } from "../support/raw_client.ts";
import { deadline, pause, until } from "../support/patience.ts";
import { Random, testSeed } from "../support/random.ts";
import { SHARED, SocketGuest } from "./socket_guest.ts";
import { descriptorsOf, heldBy, Supervised } from "../support/supervised.ts";

const CLIENTS = 5;

/** Dozens as a rule, a hundred in CI, thousands when told. */
const DEATHS = Number(Deno.env.get("XS_DEATHS") ?? (Deno.env.get("CI") === "true" ? 100 : 30));

/** Clients of a supervised daemon, looked after from here. */
class Clients {
  all: SocketGuest[] = [];
  life = 1;
  refused = 0;
  replies = 0;
  lost = 0;
  committed = 0;
  #last = 0;

  constructor(readonly path: string, readonly random: Random) {
    for (let i = 0; i < CLIENTS; i++) this.add();
  }

  add(): void {
    this.all.push(new SocketGuest(++this.#last, this.path, this.random));
  }

  /** Somebody leaves, whatever is on its way, and somebody else comes. */
  replace(client: SocketGuest): void {
    const { replies, lost, committed } = client.guest;
    this.replies += replies;
    this.lost += lost;
    this.committed += committed;
    client.end.close();
    this.all = this.all.filter((other) => other !== client);
    this.add();
  }

  /** Everybody does something, and reads a little or all. */
  step(finish: boolean): void {
    for (const client of [...this.all]) {
      const { guest } = client;
      if (finish || this.random.chance(0.5)) guest.act(this.life, finish);
      const most = !finish && this.random.chance(0.3) ? 1 + this.random.below(100) : 4096;
      if (finish || this.random.chance(0.7)) guest.receive(this.life, most);
      if (client.refused) {
        this.refused++;
        this.replace(client);
      } else {
        guest.flush();
      }
    }
  }

  get quiet(): boolean {
    return this.all.every(({ guest }) => guest.quiet && !guest.inTransaction);
  }

  async rest(): Promise<void> {
    const end = deadline("answers to all");
    while (!this.quiet) {
      this.step(true);
      end.check();
      await pause(0.2);
    }
  }

  /** A change is seen by all who watch, since lives ago. */
  async checkWatches(value: string): Promise<void> {
    await this.rest();
    const before = new Map(this.all.map(({ guest }) => [guest, guest.events.get("shared") ?? 0]));
    this.random.pick(this.all).guest.write(SHARED, value, this.life);
    const end = deadline("an event of each watch");
    while (this.all.some(({ guest }) => (guest.events.get("shared") ?? 0) <= before.get(guest)!)) {
      this.step(true);
      end.check();
      await pause(0.2);
    }
  }
}

/** Kills the daemon again and again; `operator` has been connected all the time. */
async function torture(
  supervised: Supervised,
  clients: Clients,
  operator: RawClient,
): Promise<void> {
  const { random } = clients;
  for (let death = 1; death <= DEATHS; death++) {
    assertEquals(await operator.ask(T.WRITE, `/log/${death}\0${death}`), "OK\0");
    const until = Date.now() + random.below(60);
    do {
      clients.step(false);
      await pause(0);
    } while (Date.now() < until);
    await supervised.kill();
    clients.life++;
    for (let step = random.below(4); step > 0; step--) clients.step(false);
    if (random.chance(0.2)) clients.replace(random.pick(clients.all));
    // Before it has recovered, too.
    if (random.chance(0.1)) continue;
    for (const one of [1, 1 + random.below(death), death]) {
      assertEquals(await operator.ask(T.READ, `/log/${one}\0`), `${one}`);
    }
    if (random.chance(0.3)) await clients.checkWatches(`${death}`);
    assert(!(await operator.ask(T.CONTROL, "check\0")).includes("Correct accounting"));
  }
}

Deno.test("SIGKILL at random moments: the socket's clients see nothing of it", async () => {
  const seed = testSeed();
  const random = new Random(seed);
  await using supervised = await Supervised.start(["--restarts=0", "--restart-delay=0"]);
  try {
    await using operator = await RawClient.connect(supervised.path);
    assertEquals(await operator.ask(T.WRITE, "/log\0"), "OK\0");
    const clients = new Clients(supervised.path, random);
    await clients.rest();
    await until("all clients held", () => heldBy(supervised.server.pid) === CLIENTS + 3);
    const pid = await until("a daemon", () => supervised.daemon);
    const before = [descriptorsOf(supervised.server.pid), descriptorsOf(pid)];
    await torture(supervised, clients, operator);
    await clients.rest();
    await clients.checkWatches("end");
    // Who has left is forgotten when the daemon hears of it.
    const last = await until("a daemon", () => supervised.daemon);
    const now = (): number[] => [supervised.server.pid, last].map(descriptorsOf);
    // The runtime itself has one more or less at times.
    const isFlat = (): boolean => now().every((count, at) => count < before[at]! + DEATHS / 5);
    await until(`descriptors ${before} again, not ${now()}`, isFlat);
    for (const client of [...clients.all]) clients.replace(client);
    const { committed, lost, refused, replies } = clients;
    const said = `${DEATHS} deaths: ${replies} replies, ${lost} transactions lost, ` +
      `${committed} committed, ${refused} hung up before they had heard anything`;
    console.log(said);
    assert(replies > DEATHS && refused === 0, said);
    for (const { end } of clients.all) end.close();
  } catch (error) {
    const { server } = supervised;
    throw new Error(`failed with XS_SEED=${seed}: ${server.output()}`, { cause: error });
  }
});
