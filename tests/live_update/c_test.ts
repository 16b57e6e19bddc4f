/** From C xenstored to xs and back, in one process, on a simulated host. */
import { assertEquals, assertMatch } from "@std/assert";
import { encodeMessage } from "../../lib/wire/header.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { type Message, MessageReader } from "../support/message.ts";
import { RawClient } from "../support/raw_client.ts";
import { dumpTree, treeDifference } from "../support/tree.ts";
import { SimulatedHost } from "../support/simulation/simulated_host.ts";
import { xsCommand } from "../support/daemon.ts";
import { until } from "../support/patience.ts";
import type { ServerProcess } from "../support/process.ts";
import { testUnless } from "../support/skip.ts";
import {
  C_XENSTORED,
  cMissing,
  type Next,
  nextXs,
  startC,
  startXs,
  update,
} from "../support/operator.ts";
import { Household } from "./household.ts";

async function replaced(
  host: SimulatedHost,
  daemon: ServerProcess,
  next: Next,
): Promise<void> {
  const house = await Household.furnish(host);
  const before = await dumpTree(house.client);
  // Half a request, whose other half goes to the next daemon.
  const request = encodeMessage(T.WRITE, 77, 0, toBytes("/tool/half\0whole"));
  const halves = await RawClient.connect(host.socketPath);
  await halves.sendBytes(request.subarray(0, 21));
  const { end } = house.guests[0]!;
  end.write(request.slice(0, 9), 0, 9);
  assertEquals(await update(house.client, next, "-t", "5"), "OK", daemon.output());
  await halves.sendBytes(request.subarray(21));
  assertEquals((await halves.receive(1)).map(({ reqId, text }) => [reqId, text]), [[77, "OK\0"]]);
  await house.client.exchange({ type: T.RM, txId: 0, payload: toBytes("/tool/half\0") });
  assertEquals(treeDifference(before, await dumpTree(house.client)), []);
  end.write(request.slice(9), 0, request.length - 9);
  // C xenstored writes a header and what follows it one after the other.
  const reader = new MessageReader(), bytes = new Uint8Array(64), replies: Message[] = [];
  await until("the guest's reply", () => {
    const count = end.read(bytes, 0, bytes.length);
    if (count > 0) replies.push(...reader.push(bytes.subarray(0, count)));
    return replies.length > 0;
  });
  // It may not write there.
  assertEquals(replies.map(({ reqId, type }) => [type, reqId]), [[T.ERROR, 77]]);
  await house.use(daemon);
  halves.close();
  house.close();
}

testUnless(cMissing, "live update: C xenstored gives way to xs", async () => {
  await using host = await SimulatedHost.make();
  const daemon = await startC(host);
  try {
    await replaced(host, daemon, nextXs(host));
  } finally {
    await daemon.stop();
  }
});

testUnless(cMissing, "live update: xs gives way to C xenstored", async () => {
  await using host = await SimulatedHost.make();
  const daemon = await startXs(host);
  try {
    await replaced(host, daemon, { file: C_XENSTORED });
  } finally {
    await daemon.stop();
  }
});

testUnless(cMissing, "live update: by Debian's xenstore-control, and by ours", async () => {
  await using host = await SimulatedHost.make();
  const daemon = await startC(host);
  try {
    const [xs, ...words] = xsCommand();
    const { commandLine, file } = nextXs(host);
    const control = async (command: string, ...args: string[]): Promise<string[]> => {
      const { code, stderr, stdout } = await new Deno.Command(command, {
        args,
        env: { XENSTORED_RUNDIR: host.path },
      }).output();
      const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      return [`${code}`, out!, err!];
    };
    const debian = "/usr/lib/xen-4.17/bin/xenstore-control";
    const done = ["0", "", ""];
    const update = ["live-update", "-c", commandLine!, file];
    assertEquals(await control(debian, ...update), done, daemon.output());
    assertEquals(await control(debian, ...update), done, daemon.output());
    const ours = [...words, "control", "--socket", host.socketPath, "--"];
    assertEquals(await control(xs, ...ours, "live-update", "-t", "9", file), done);
    for (const [failed, tool, ...more] of [["3", debian], ["1", xs, ...ours]] as const) {
      const [status, , why] = await control(tool, ...more, "live-update", "/bin/true");
      assertEquals(status, failed);
      assertMatch(why!, /(?:failed:\nThe|live-update: the) file is neither xs nor C xenstored/);
    }
    assertEquals(await control(debian, "live-update", C_XENSTORED), done, daemon.output());
    assertEquals(await control(debian, "print", "good"), ["0", "OK\n", ""]);
  } finally {
    await daemon.stop();
  }
});

testUnless(cMissing, "live update: xs, C xenstored, xs, xs", async () => {
  await using host = await SimulatedHost.make();
  const daemon = await startXs(host);
  try {
    const house = await Household.furnish(host);
    const before = await dumpTree(house.client);
    for (const next of [{ file: C_XENSTORED }, nextXs(host), nextXs(host)]) {
      assertEquals(await update(house.client, next, "-t", "5"), "OK", daemon.output());
      assertEquals(treeDifference(before, await dumpTree(house.client)), []);
    }
    await house.use(daemon);
    house.close();
  } finally {
    await daemon.stop();
  }
});
