/** What zero means: it is told, not missing. */
import { MessageType } from "../../lib/wire/message_type.ts";
import { makeScratch } from "../support/scratch.ts";
import { assertSurvives, Hypervisor, Life } from "../support/lives.ts";

Deno.test("a domain that is offered no feature is offered none by the next daemon", async () => {
  await using scratch = await makeScratch();
  const hypervisor = new Hypervisor();
  for (const domid of [0, 1]) hypervisor.create(domid);
  const life = new Life(hypervisor, `${scratch.path}/store`);
  life.ask(0, MessageType.SET_FEATURE, "1\x000\0");
  assertSurvives(life, hypervisor, `${scratch.path}/copy`);
  life.close();
});
