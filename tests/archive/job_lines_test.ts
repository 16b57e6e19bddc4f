/** What the log says of dumps and restores: words for people, and no JSON in a line. */
import { assert, assertMatch } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { RawClient } from "../support/raw_client.ts";
import { makeScratch } from "../support/scratch.ts";

Deno.test("the log tells of a dump and a restore in words", async () => {
  await using scratch = await makeScratch();
  const daemon = await startDaemon();
  await using client = await RawClient.connect(daemon.socketPath);
  await client.ask(T.WRITE, "/a\0secret");
  await client.ask(T.WATCH, "/a\0token\0");
  const file = `${scratch.path}/dump`;
  const [command, ...words] = xsCommand();
  for (const args of [["dump", "-o", file], ["restore", file, "--into", "live"]]) {
    const socket = ["--socket", daemon.socketPath];
    const { success, stderr } = await new Deno.Command(command, {
      args: [...words, ...socket, ...args],
    }).output();
    assert(success, new TextDecoder().decode(stderr));
  }
  await daemon.stop();
  const lines = daemon.output().split("\n").filter((line) => /: (?:dump|restore)/.test(line));
  assert(lines.length >= 2, daemon.output());
  assert(!/[{}]|secret/.test(lines.join("\n")), lines.join("\n"));
  assertMatch(lines.join("\n"), /restore.*: done: \d+ nodes; left out: /);
});
