/** The log tells of domains that come and go, with their names, each at its own expense. */
import { assert, assertEquals } from "@std/assert";
import { LOG_LINES_BURST, LOG_NAME_MAX } from "../../lib/limits.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Rig } from "./guest_rig.ts";

Deno.test("domains that come and go are lines with their names and who did it", () => {
  const rig = new Rig();
  rig.ask(0, T.WRITE, "/local/domain/5/name", "web1");
  rig.ask(0, T.INTRODUCE, "5", "1", "7");
  rig.ask(0, T.INTRODUCE, "5", "1", "8");
  rig.ask(0, T.RELEASE, "5");
  rig.ask(0, T.INTRODUCE, "6", "1", "9");
  rig.kill(6);
  assertEquals(rig.told(), [
    "info: domain 5 (web1): introduced by dom0, port 7",
    "info: domain 5 (web1): introduced again by dom0, port 8",
    "info: domain 5 (web1): released by dom0",
    "info: domain 6: introduced by dom0, port 9",
    "info: domain 6: destroyed",
  ]);
});

Deno.test("a hostile name is escaped and cut, and a domain that comes and goes fills no log", () => {
  const rig = new Rig();
  rig.ask(0, T.WRITE, "/local/domain/5/name", `\n\x1b[2J${"x".repeat(1_000)}`);
  rig.ask(0, T.INTRODUCE, "5", "1", "7");
  const [line] = rig.told();
  assert(line!.startsWith("info: domain 5 (\\u000a\\u001b[2Jxxx"), line);
  assert(line!.length < 2 * LOG_NAME_MAX + 100, line);
  for (let i = 0; i < 500; i++) {
    rig.ask(0, T.RELEASE, "6");
    rig.ask(0, T.INTRODUCE, "6", "1", "7");
  }
  assertEquals(rig.told().length, LOG_LINES_BURST);
});
