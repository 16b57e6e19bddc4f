import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { defaultMemory, heapLookedFrom, hostMemory } from "../../lib/server/process/host_memory.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { RawClient } from "../support/raw_client.ts";

const MIB = 1_048_576;

Deno.test("--memory is an eighth of the host's unless told, within bounds", () => {
  assertEquals(defaultMemory(1024 * MIB), 128 * MIB);
  assertEquals(defaultMemory(4096 * MIB), 512 * MIB);
  assertEquals(defaultMemory(256 * MIB), 64 * MIB);
  assertEquals(defaultMemory(256 * 1024 * MIB), 1024 * MIB);
  assert(hostMemory() > 64 * MIB && hostMemory() < 2 ** 50);
});

Deno.test("--memory bounds what a daemon keeps, ENOSPC and a line say so, and it serves on", async () => {
  await using daemon = await startDaemon({ args: ["--memory", "16M"] });
  await using client = await RawClient.connect(daemon.socketPath);
  const value = "v".repeat(4_000);
  let written = 0, reply = "";
  while (written < 10_000) {
    reply = await client.ask(T.WRITE, `/big/n${written}\0${value}`);
    if (reply !== "OK\0") break;
    written++;
  }
  assertEquals(reply, "ENOSPC\0");
  assert(written > 3_500 && written < 4_200, `${written} values of 4,000 bytes`);
  assertEquals(await client.ask(T.READ, "/big/n1\0"), value);
  const { memory } = JSON.parse((await client.ask(T.CONTROL, "status\0")).replace("\0", ""));
  assertEquals(memory.allowed, 16 * MIB);
  assert(memory.charged > 15.9 * MIB && memory.charged <= 16 * MIB, `${memory.charged}`);
  assertStringIncludes(daemon.output(), "(--memory)");
  assertEquals(await client.ask(T.RM, "/big\0"), "OK\0");
  assertEquals(await client.ask(T.WRITE, "/big/n1\0v"), "OK\0");
});

Deno.test("--memory takes bytes with a suffix, and says what it does not take", async () => {
  for (const [given, wrong] of [["12X", "invalid size"], ["15M", "too small"], ["-1", ""]]) {
    const [command, ...args] = xsCommand();
    const { code, stderr } = await new Deno.Command(command, {
      args: [...args, "serve", "--memory", given!, "--socket", "/nowhere/socket"],
    }).output();
    assertEquals(code, 2, given);
    assertStringIncludes(new TextDecoder().decode(stderr), wrong!);
  }
});

Deno.test("V8 is asked for its heap's limit only where the heap may come near it", () => {
  const large = 16 * 2 ** 30, small = 512 * 2 ** 20;
  assertEquals(heapLookedFrom("", large), 128 * 2 ** 20);
  assertEquals(heapLookedFrom("serve\0--memory\x00256M\0", small), 64 * 2 ** 20);
  assertEquals(heapLookedFrom("", 2 ** 20), 32 * 2 ** 20);
  for (
    const told of [
      "--max-old-space-size=56",
      "run\0--v8-flags=--max-heap-size=64\0",
      "--max_old_space_size=9",
      "--max-old-space-size-percentage=5",
    ]
  ) {
    assertEquals(heapLookedFrom(told, large), 32 * 2 ** 20, told);
  }
});
