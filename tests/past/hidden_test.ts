/** Values that the history does not have: what becomes of them in what is written and undone. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { startDaemon } from "../support/daemon.ts";
import { makeScratch } from "../support/scratch.ts";
import { HISTORY_OLD_BYTES_MAX } from "../../lib/limits.ts";
import { startRecorded } from "../support/recorded_daemon.ts";
import { makeWorld, xs } from "./support.ts";

Deno.test("dump --at: no placeholder gets into a dump that can be restored", async () => {
  await using world = await makeWorld();
  await using scratch = await makeScratch();
  const { socketPath } = world.server, file = `${scratch.path}/dump`;
  const path = "/local/domain/3/data/set_clipboard";
  const why = `xs: dump live@#4: one value is hidden in the history (${path}), and a restore ` +
    "would put its placeholder into the store (take --format text, or a point that hides nothing)\n";
  for (const format of ["stream", "json", "oxenstored-binary"]) {
    for (const more of [[], ["-o", file], ["--domain", "3"]]) {
      const { err, out, status } = await xs(socketPath, [
        "dump",
        ...["live@#4", "--format", format],
        ...more,
      ]);
      assertEquals([status, out, err], [1, "", why], `${format} ${more}`);
    }
  }
  assertEquals([...Deno.readDirSync(scratch.path)], []);
  const text = await xs(socketPath, ["dump", "live@#4", "--format", "text", "-o", file]);
  assertEquals(text.status, 0, text.err);
  assertStringIncludes(text.err, "live@#4: one value is hidden\n");
  assertStringIncludes(Deno.readTextFileSync(file), `${path} = "<6 bytes hidden>"`);
  assertEquals((await xs(socketPath, ["restore", file, "--into", "live"])).status, 1);
  // Another domain's part has nothing that is hidden.
  await using client = await Client.connect({ socket: socketPath });
  await client.write("/local/domain/7/name", "web");
  await client.write("/local/domain/3/data/report_clipboard", "secrets");
  const at = `live@#${world.server.history.last}`;
  const part = await xs(socketPath, ["dump", at, "--domain", "7", "--json"]);
  assertEquals(part.status, 0, part.err);
  assertStringIncludes(part.out, '"/local/domain/7/name","value":"web"');
  assertMatch(
    (await xs(socketPath, ["dump", at, "--json"])).err,
    /: 2 values are hidden in the history \(the first is \/\S+report_clipboard\), and /,
  );
});

Deno.test("dump of a moment that the store file has: with all values, while the history hides them", async () => {
  await using daemon = await startDaemon();
  const { socketPath } = daemon;
  await using client = await Client.connect({ socket: socketPath });
  await client.write("/vnc-passwd", "first");
  await client.write("/vnc-passwd", "second");
  const dump = await xs(socketPath, ["dump", "live@turn:1", "--json"]);
  assertEquals([dump.status, dump.err], [0, ""]);
  assertStringIncludes(dump.out, '{"kind":"node","path":"/vnc-passwd","value":"first"');
  for (const at of ["#2", "-0"]) {
    const { err, out, status } = await xs(socketPath, ["read", `--at=${at}`, "/vnc-passwd"]);
    assertEquals([status, err], [0, ""]);
    assertMatch(out, /^<[56] bytes hidden>\n$/);
  }
});

Deno.test("values that are left out of a commit that removed too much are not called hidden", async () => {
  await using server = await startRecorded();
  const { history, socketPath } = server;
  {
    await using client = await Client.connect({ socket: socketPath });
    const value = "v".repeat(4_000);
    for (let i = 0; i * value.length <= HISTORY_OLD_BYTES_MAX; i++) {
      await client.write(`/f/${i}`, value);
    }
    await client.write("/f/secret", "hidden");
    await client.rm("/f");
  }
  const removed = `${history.last}`;
  const show = await xs(socketPath, ["show", removed]);
  assertEquals([show.status, show.err], [0, ""]);
  assertEquals(show.out.match(/^- \S+ = <.*$/gm)!.toSorted(), [
    `- /f/${history.last - 4} = <4000 bytes left out> (n0)`,
    "- /f/secret = <6 bytes hidden> (n0)",
  ]);
  const { out } = await xs(socketPath, ["show", "--json", removed]);
  assertEquals(out.match(/"(leftOut|hidden)":\d+/g)!.toSorted(), ['"hidden":6', '"leftOut":4000']);
  assertEquals(await xs(socketPath, ["revert", removed]), {
    status: 1,
    out: "",
    err: `xs: revert /f/${history.last - 4}: the history has left out its value, since the ` +
      "commit was too large, so it cannot be restored\n",
  });
});
