/** A compiled xs, as hosts have it: under the name of xenstored, and with a cache of its own. */
import { assertEquals, assertMatch } from "@std/assert";
import { attempt } from "../../lib/files.ts";
import { RawClient } from "../support/raw_client.ts";
import { dumpTree, treeDifference } from "../support/tree.ts";
import { SimulatedHost } from "../support/simulation/simulated_host.ts";
import { startDaemon } from "../support/daemon.ts";
import { makeScratch } from "../support/scratch.ts";
import { testUnless } from "../support/skip.ts";
import { Household } from "./household.ts";
import { C_XENSTORED, cMissing, startC, update } from "../support/operator.ts";

const binary = Deno.env.get("XS_BINARY") ?? "";
const missing = binary === "" ? "XS_BINARY names no compiled xs: deno task compile" : undefined;

testUnless(
  missing,
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
        const open = [...Deno.readDirSync(`/proc/${daemon.pid}/fd`)]
          .map(({ name }) =>
            attempt(() => Deno.readLinkSync(`/proc/${daemon.pid}/fd/${name}`), "")
          );
        // The lock that came with it.
        assertEquals(open.filter((target) => /state_dump\.code( |$)/.test(target)), []);
      }
      client.close();
    } finally {
      await daemon.stop();
    }
  },
);

testUnless(
  missing ?? cMissing,
  "live update: xs under the name of xenstored takes C's own command line, and gives it back",
  async () => {
    await using host = await SimulatedHost.make();
    const daemon = await startC(host);
    try {
      const house = await Household.furnish(host);
      const before = await dumpTree(house.client);
      const link = `${host.path}/xenstored`;
      await Deno.symlink(binary, link);
      const commands: readonly (readonly [string, RegExp])[] = [
        [link, /xenstored -N -F \S+\/pid -U $/],
        [link, /xenstored serve --xen=yes --pid-file=\S+\/pid -U $/],
        [C_XENSTORED, /xenstored --pid-file \S+\/pid -U $/],
        [link, /xenstored --pid-file \S+\/pid -U $/],
      ];
      for (const [file, commandLine] of commands) {
        assertEquals(await update(house.client, { file }, "-t", "5"), "OK", daemon.output());
        assertEquals(treeDifference(before, await dumpTree(house.client)), []);
        const words = await Deno.readTextFile(`/proc/${daemon.pid}/cmdline`);
        assertMatch(words.replaceAll("\0", " "), commandLine);
        assertEquals(await Deno.readTextFile(`${host.path}/pid`), `${daemon.pid}\n`);
      }
      await house.use(daemon);
      house.close();
    } finally {
      await daemon.stop();
    }
  },
);
