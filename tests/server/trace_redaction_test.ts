/** The trace shows no value that is hidden: neither what is written nor what is read. */
import { assert, assertEquals } from "@std/assert";
import { Trace } from "../../lib/server/logging/trace.ts";
import { SILENT } from "../../lib/server/logging/log.ts";
import { Redaction } from "../../lib/store/redaction.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { makeScratch } from "../support/scratch.ts";
import { SimulatedClock } from "../support/simulated_clock.ts";

Deno.test("trace: values of hidden paths are told by their length, in requests and replies", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/trace`;
  const trace = new Trace(SILENT, new SimulatedClock(), new Redaction(["/tool/mine"]));
  trace.openFile(path);
  const dom0 = { id: 1, domid: 0 }, guest = { id: 2, domid: 5 };
  const clients = { dom0, guest };
  const ask = (who: "dom0" | "guest", type: number, reqId: number, payload: string): void =>
    trace.request(clients[who], { type, reqId }, toBytes(payload));
  const answer = (who: "dom0" | "guest", type: number, reqId: number, payload: string): void =>
    trace.out(clients[who], type, reqId, payload);
  ask("dom0", T.WRITE, 1, "/tool/mine\0SECRET-1");
  answer("dom0", T.WRITE, 1, "OK\0");
  ask("guest", T.WRITE, 2, "data/report_clipboard\0SECRET-22");
  ask("dom0", T.READ, 3, "/tool/mine\0");
  ask("guest", T.READ, 3, "name\0");
  ask("dom0", T.READ, 4, "/tool/other\0");
  answer("guest", T.READ, 3, "shown 1");
  answer("dom0", T.READ, 4, "shown 2");
  answer("dom0", T.READ, 3, "SECRET-333");
  ask("dom0", T.READ, 3, "/tool/other\0");
  answer("dom0", T.READ, 3, "shown 3");
  ask("dom0", T.READ, 5, "/tool/mine/below\0");
  answer("dom0", T.ERROR, 5, "ENOENT\0");
  ask("dom0", T.WRITE, 6, "/tool/other\0shown 4");
  trace.close();
  const text = Deno.readTextFileSync(path);
  assertEquals(text.match(/SECRET/), null);
  for (let i = 1; i <= 4; i++) assert(text.includes(`shown ${i}`), `shown ${i} is missing`);
  assertEquals(text.match(/<\d+ bytes hidden>/g), [8, 9, 10].map((n) => `<${n} bytes hidden>`));
  assert(text.includes("ENOENT"));
});
