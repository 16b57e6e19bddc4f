/** Dumps and restores with daemons of another version, and with one that is replaced meanwhile. */
import { assertEquals, assertRejects } from "@std/assert";
import { ArchiveError } from "../../lib/archive/archive.ts";
import { NO_PROGRESS } from "../support/no_progress.ts";
import { Interrupt } from "../../lib/archive/interrupt.ts";
import { Collected, dumpLive, restoreIntoLive } from "../../lib/archive/daemon_archive.ts";
import { XenstoreError } from "../../lib/client/error.ts";
import { Operations } from "../../lib/client/operations.ts";
import type { Session } from "../../lib/client/session.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import { RawClient } from "../support/raw_client.ts";

/** A daemon that answers each request, as words with dots between them, by the first rule that fits. */
function daemon(rules: readonly (readonly [RegExp, string | Error])[]): Operations {
  const request = (_type: number, _txId: number, payload: Uint8Array): Promise<Uint8Array> => {
    const words = toText(payload).replaceAll("\0", ".");
    const [, answer] = rules.find(([pattern]) => pattern.test(words))!;
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(toBytes(answer));
  };
  return new Operations({ request } as unknown as Session);
}

const unknown = new XenstoreError("EINVAL", "control", "dump");
const missing = new XenstoreError("ENOENT", "control", "archive");
const restore = {
  chunks: [new Uint8Array(5)],
  name: "FILE",
  options: [],
  domain: [],
  dryRun: false,
};

Deno.test("an older xs daemon is told apart from other kinds, which have no such command", async () => {
  const help = "check\nquota          [set <name> <val>|<domid>|max [-r]]\n";
  const older = daemon([[/^help/, `${help}dump           <file> [<domid>]\n\0`], [/./, unknown]]);
  const text =
    "this daemon is an older xs (use the xs that belongs to it, or start the new daemon)";
  const dump = (nodes: Operations): Promise<boolean> =>
    dumpLive(nodes, null, new Collected(), NO_PROGRESS, new Interrupt());
  await assertRejects(() => dump(older), ArchiveError, text);
  await assertRejects(
    () => restoreIntoLive(older, restore, NO_PROGRESS, new Interrupt()),
    ArchiveError,
    text,
  );
  for (const other of [daemon([[/^help/, help], [/./, unknown]]), daemon([[/./, "OK\0"]])]) {
    assertEquals(await dump(other), false);
    assertEquals(await restoreIntoLive(other, restore, NO_PROGRESS, new Interrupt()), null);
  }
});

Deno.test("an older client's dump and restore get a line that says what to do", async () => {
  await using server = await EmbeddedServer.start();
  const client = await RawClient.connect(server.socketPath);
  for (const words of ["dump\0/a/file\0", "restore\0-n\0/a/file\0"]) {
    const request = { type: MessageType.CONTROL, txId: 0, payload: toBytes(words) };
    const { text } = (await client.exchange(request)).at(-1)!;
    assertEquals(
      text,
      "the daemon sends and takes dumps over the connection now: " +
        "use the xs that belongs to it (`xs status` prints its version)\0",
    );
  }
  client.close();
});

Deno.test("a dump begins anew when another daemon takes over, a restore does not", async () => {
  const took = daemon([[/^dump/, "job 1\0"], [/^restore/, "job 1\0"], [/./, missing]]);
  await assertRejects(
    () => dumpLive(took, null, new Collected(), NO_PROGRESS, new Interrupt()),
    ArchiveError,
    "another daemon has taken over meanwhile (try again)",
  );
  await assertRejects(
    () => restoreIntoLive(took, restore, NO_PROGRESS, new Interrupt()),
    ArchiveError,
    "FILE: another daemon has taken over meanwhile: the restore may have taken effect (xs diff tells)",
  );
  const lost = daemon([
    [/^restore/, "job 1\0"],
    [/./, new XenstoreError("ECONNRESET", "connection to", "/socket", "it is closed")],
  ]);
  await assertRejects(
    () => restoreIntoLive(lost, restore, NO_PROGRESS, new Interrupt()),
    XenstoreError,
    "it is closed; the restore may have taken effect",
  );
  let begun = 0;
  const pieces = ["abc", "def", ""];
  const again = new Operations({
    request: (_type: number, _txId: number, payload: Uint8Array): Promise<Uint8Array> => {
      const words = toText(payload).replaceAll("\0", ".");
      if (words.startsWith("dump")) return Promise.resolve(toBytes(`job ${++begun}\0`));
      if (begun === 1) return Promise.reject(missing);
      if (words.endsWith("read.")) return Promise.resolve(toBytes(pieces.shift() ?? ""));
      const status = pieces.length > 0 ? "running 0 of 2\0" : "done 2 records\0";
      return Promise.resolve(toBytes(status));
    },
  } as unknown as Session);
  const sink = new Collected();
  assertEquals(await dumpLive(again, null, sink, NO_PROGRESS, new Interrupt()), true);
  assertEquals([toText(sink.bytes), begun], ["abcdef", 2]);
});
