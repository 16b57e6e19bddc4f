/** What clients wrote is shown by no command that looks back in a way that a terminal could obey, or that forges a line. */
import { assert, assertEquals } from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { startRecorded } from "../support/recorded_daemon.ts";
import { xs } from "./support.ts";

/** Controls, marks of the direction of text, blanks of no width, and bytes that are no UTF-8. */
const HOSTILE = "\x1b]0;x\x07\x1b[2J\r\n#99 forged\u202e\u200b\u0085\u2028\u00ad";
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

function assertShown(bytes: string, what: string): void {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(
    Uint8Array.from(bytes, (char) => char.charCodeAt(0)),
  );
  for (const line of text.split("\n")) {
    assert(!UNSEEN.test(line), `${what}: ${JSON.stringify(line)}`);
  }
}

Deno.test("hostile values come escaped, as text and as JSON", async () => {
  await using server = await startRecorded();
  const { socketPath } = server;
  const value = new Uint8Array([...new TextEncoder().encode(HOSTILE), 0xff, 0x9b]);
  {
    await using client = await Client.connect({ socket: socketPath });
    await client.write("/h", "1");
    await client.write("/h", value);
    await client.write("/h/below", value);
    await client.rm("/h/below");
    await client.write("/h", "2");
  }
  const commands = [
    ["log"],
    ["log", "--json"],
    ["log", "--oneline", "-S", "forged"],
    ["show", "3"],
    ["show", "--json", "3"],
    ["blame", "/h", "--at", "3"],
    ["blame", "--json", "/h", "--at", "3"],
    ["blame", "-r", "--deleted", "/h"],
    ["read", "--at", "3", "/h"],
    ["read", "--json", "--at", "3", "/h"],
    ["ls", "-f", "--at", "4"],
    ["ls", "--json", "--at", "4"],
    ["diff", "#3", "#2"],
    ["diff", "--json", "#3", "#2"],
    ["dump", "--at", "3", "--format", "text"],
    ["revert", "--dry-run", "6"],
    ["watch", "--by", "-n", "1", "/h"],
    ["watch", "--by", "--json", "-n", "1", "/h"],
  ];
  for (const args of commands) {
    const { err, out, status } = await xs(socketPath, args);
    assertEquals(status, args[0] === "diff" ? 1 : 0, `${args.join(" ")}: ${err}`);
    assert(out !== "", args.join(" "));
    assertShown(out, args.join(" "));
    assertShown(err, args.join(" "));
  }
});
