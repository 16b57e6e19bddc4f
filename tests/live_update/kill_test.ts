/** SIGKILL while one daemon gives way to the next: the store of one of them is there, complete. */
import { assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { RawClient } from "../support/raw_client.ts";
import { SimulatedHost, simulationMissing } from "../support/simulation/simulated_host.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { until } from "../support/patience.ts";
import { Random, testSeed } from "../support/random.ts";
import { testUnless } from "../support/skip.ts";
import { Guests } from "./guests.ts";
import { update } from "../support/operator.ts";
import { warningsIn } from "../support/warnings.ts";

const [XS] = xsCommand();
const DEATHS = Number(Deno.env.get("XS_DEATHS") ?? 12);

/** Long enough for the next daemon to have come up, on a machine that is not too busy, in ms. */
const MOMENTS_MS = 400;

async function ask(client: RawClient, type: number, payload: string): Promise<string> {
  const reply = (await client.exchange({ type, txId: 0, payload: toBytes(payload) })).at(-1)!;
  return `${reply.type === type ? "" : "ERROR "}${reply.text}`;
}

testUnless(simulationMissing(), "live update: SIGKILL at random moments of it", async () => {
  const seed = testSeed();
  const random = new Random(seed);
  await using host = await SimulatedHost.make();
  const start = (): ReturnType<typeof startDaemon> =>
    startDaemon({ socket: host.socketPath, env: host.env() });
  let daemon = await start();
  try {
    let client = await RawClient.connect(host.socketPath);
    const guests = new Guests(host, random);
    await guests.settle(client);
    for (let death = 1; death <= DEATHS; death++) {
      guests.start();
      assertEquals(await ask(client, T.WRITE, `/log/${death}\0${death}`), "OK\0");
      const operator = await RawClient.connect(host.socketPath);
      const updated = update(operator, { file: XS }, "-t", "20").catch(() => "");
      await until("the handing over", () => daemon.output().includes("takes over"));
      await new Promise((resolve) => setTimeout(resolve, random.below(MOMENTS_MS)));
      Deno.kill(daemon.pid, "SIGKILL");
      await daemon.status;
      await updated;
      operator.close();
      client.close();
      host.daemonDied();
      guests.life++;
      daemon = await start();
      client = await RawClient.connect(host.socketPath);
      for (let one = 1; one <= death; one++) {
        assertEquals(await ask(client, T.READ, `/log/${one}\0`), `${one}`);
      }
      await guests.rest();
      assertEquals(await ask(client, T.CONTROL, "check\0"), "OK\0");
      assertEquals(warningsIn(daemon.output()), []);
    }
    client.close();
  } catch (error) {
    throw new Error(`failed with XS_SEED=${seed}: ${daemon.output()}`, { cause: error });
  } finally {
    await daemon.stop();
  }
});
