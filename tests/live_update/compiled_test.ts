/** A compiled xs: what its trial compiled is there at its start, and gone afterwards. */
import { assertEquals } from "@std/assert";
import { RawClient } from "../differential/raw_client.ts";
import { startDaemon } from "../support/daemon.ts";
import { makeScratch } from "../support/scratch.ts";
import { testUnless } from "../support/skip.ts";
import { update } from "./operator.ts";

const binary = Deno.env.get("XS_BINARY") ?? "";

testUnless(
  binary === "" ? "XS_BINARY names no compiled xs: deno task compile" : undefined,
  "live update: the runtime's folder is lent for the time of it",
  async () => {
    await using scratch = await makeScratch();
    const daemon = await startDaemon({
      socket: `${scratch.path}/socket`,
      args: ["--xen", "no"],
      env: { DENO_DIR: "/dev/null" },
    });
    try {
      const client = await RawClient.connect(daemon.socketPath);
      // From a file of its own: what runs us is busy.
      const file = `${scratch.path}/xs`;
      await Deno.symlink(binary, file);
      for (let i = 0; i < 2; i++) {
        assertEquals(await update(client, { file }), "OK", daemon.output());
        const environment = (await Deno.readTextFile(`/proc/${daemon.pid}/environ`)).split("\0");
        // What the program was started with.
        assertEquals(
          environment.filter((line) => /DENO_DIR/.test(line)).sort(),
          [`DENO_DIR=${scratch.path}/state_dump.code`, "XS_DENO_DIR=/dev/null"],
        );
        const left = [...Deno.readDirSync(scratch.path)].map(({ name }) => name);
        assertEquals(left.filter((name) => name.startsWith("state_dump")), []);
      }
      client.close();
    } finally {
      await daemon.stop();
    }
  },
);
