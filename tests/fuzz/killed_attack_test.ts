/**
 * Attacks at random over the daemon's deaths: whatever the guests were at, it comes up again, what
 * was acknowledged is there, and its sums are right.
 */
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { Attacker } from "../support/attack/attacker.ts";
import { ATTACKS, SHARED } from "../support/attack/attacks.ts";
import { Crew } from "../support/attack/crew.ts";
import { RawClient } from "../support/raw_client.ts";
import { SimulatedHost, simulationMissing } from "../support/simulation/simulated_host.ts";
import { startDaemon } from "../support/daemon.ts";
import { deadline, pause } from "../support/patience.ts";
import type { ServerProcess } from "../support/process.ts";
import { Random } from "../support/random.ts";
import { testUnless } from "../support/skip.ts";
import { Budget } from "./budget.ts";

const DOMIDS = [1, 2, 3, 4] as const;
/** A guest's quota of outstanding requests. */
const WINDOW = 20;
/** Steps of the crew between two deaths, at most. */
const STEPS_MAX = 500;

async function ask(client: RawClient, type: number, payload: string): Promise<string> {
  const reply = (await client.exchange({ type, txId: 0, payload: toBytes(payload) })).at(-1)!;
  if (reply.type !== type) throw new Error(`type ${type} ${payload.slice(0, 60)}: ${reply.text}`);
  return reply.text;
}

/** A simulated host whose daemon dies again and again. */
class Lives implements AsyncDisposable {
  life = 1;

  private constructor(
    readonly host: SimulatedHost,
    public daemon: ServerProcess,
    public dom0: RawClient,
  ) {}

  static async begin(): Promise<Lives> {
    const host = await SimulatedHost.make();
    const daemon = await start(host);
    return new Lives(host, daemon, await RawClient.connect(host.socketPath));
  }

  async next(): Promise<void> {
    this.dom0.close();
    Deno.kill(this.daemon.pid, "SIGKILL");
    await this.daemon.status;
    this.host.daemonDied();
    this.life++;
    this.daemon = await start(this.host);
    this.dom0 = await RawClient.connect(this.host.socketPath);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dom0.close();
    await this.daemon.stop();
    await this.host[Symbol.asyncDispose]();
  }
}

function start(host: SimulatedHost): Promise<ServerProcess> {
  return startDaemon({ socket: host.socketPath, env: host.env() });
}

async function introduceAll({ host, dom0 }: Lives): Promise<void> {
  await ask(dom0, T.WRITE, `${SHARED}\0v`);
  await ask(dom0, T.SET_PERMS, `${SHARED}\0b0\0`);
  for (const domid of DOMIDS) {
    host.create(domid);
    await ask(dom0, T.MKDIR, `/local/domain/${domid}\0`);
    await ask(dom0, T.SET_PERMS, `/local/domain/${domid}\0n${domid}\0`);
    await ask(dom0, T.INTRODUCE, `${domid}\x001\x005\0`);
  }
}

function attackers({ host }: Lives, seed: number): Crew {
  const { guest } = ATTACKS.find(({ name }) => name === "mix")!;
  return new Crew(DOMIDS.map((domid, index) => {
    const attacker = new Attacker(host.guest(domid), WINDOW);
    const random = new Random(seed + domid);
    const now = (): number => performance.now();
    attacker.play(guest!(attacker, { domid, index, domids: DOMIDS, now, random }));
    return attacker;
  }));
}

/** Steps the crew so often, and until the daemon has answered something. */
async function work(crew: Crew, steps: number): Promise<void> {
  const before = crew.replies;
  const end = deadline("a reply");
  for (let step = 0; step < steps || crew.replies === before; step++) {
    if (!crew.step()) await pause(0);
    end.check();
  }
}

testUnless(simulationMissing(), "an attack that outlives the daemon again and again", async () => {
  const budget = new Budget();
  const random = new Random(budget.seed);
  await using lives = await Lives.begin();
  await introduceAll(lives);
  const crew = attackers(lives, budget.seed);
  await budget.run(async () => {
    while (budget.next()) {
      await work(crew, random.below(STEPS_MAX));
      const { life } = lives;
      await ask(lives.dom0, T.WRITE, `/kept/${life % 100}\0${life}`);
      await work(crew, random.below(STEPS_MAX));
      await lives.next();
      const kept = await ask(lives.dom0, T.READ, `/kept/${life % 100}\0`);
      if (kept !== `${life}`) throw new Error(`life ${life} wrote ${life}, the next reads ${kept}`);
      await ask(lives.dom0, T.CONTROL, "check\0");
      const output = lives.daemon.output();
      if (/internal error|Correct accounting/.test(output)) throw new Error(output);
      if (crew.disconnected > 0) throw new Error(`${crew.disconnected} rings are broken`);
    }
  });
});
