/** xs gives way to xs while everybody on the host is busy. */
import { assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { RawClient } from "../support/raw_client.ts";
import { SimulatedHost, simulationMissing } from "../support/simulation/simulated_host.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { Random, testSeed } from "../support/random.ts";
import { testUnless } from "../support/skip.ts";
import { Crowd } from "./crowd.ts";
import { Guests } from "./guests.ts";
import { update } from "../support/operator.ts";
import { warningsIn } from "../support/warnings.ts";

const CLIENTS = 20;
const UPDATES = Number(Deno.env.get("XS_UPDATES") ?? 6);
const [XS] = xsCommand();

testUnless(
  simulationMissing(),
  "live update: 20 clients and 3 guests notice nothing of daemons that follow each other",
  async () => {
    const seed = testSeed();
    const random = new Random(seed);
    await using host = await SimulatedHost.make();
    await using daemon = await startDaemon({ socket: host.socketPath, env: host.env() });
    try {
      const operator = await RawClient.connect(host.socketPath);
      const guests = new Guests(host, random);
      await guests.settle(operator);
      guests.start();
      const crowd = await Crowd.gather(host.socketPath, CLIENTS, random);
      for (let i = 0; i < UPDATES; i++) {
        await new Promise((resolve) => setTimeout(resolve, 50 + random.below(200)));
        assertEquals(await update(operator, { file: XS }, "-t", "20"), "OK");
      }
      await guests.atWork();
      await guests.rest();
      guests.assertNothingLost();
      await crowd.disperse();
      const check = { type: T.CONTROL, txId: 0, payload: toBytes("check\0") };
      assertEquals((await operator.exchange(check)).map(({ text }) => text), ["OK\0"]);
      assertEquals(warningsIn(daemon.output()), []);
      assertEquals(daemon.output().match(/took over/g)?.length, UPDATES);
      operator.close();
    } catch (error) {
      throw new Error(`failed with XS_SEED=${seed}: ${daemon.output()}`, { cause: error });
    }
  },
);
