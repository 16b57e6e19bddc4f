/** `xs live-update`, the command: which file it names, and what it says. */
import { assertEquals, assertMatch } from "@std/assert";
import { RawClient } from "../support/raw_client.ts";
import { dumpTree, treeDifference } from "../support/tree.ts";
import { SimulatedHost } from "../support/simulation/simulated_host.ts";
import { makeScratch } from "../support/scratch.ts";
import { testUnless } from "../support/skip.ts";
import { cMissing, startC } from "../support/operator.ts";
import { type ServerProcess, startServer } from "../support/process.ts";
import { Household } from "./household.ts";

const binary = Deno.env.get("XS_BINARY") ?? "";
const missing = binary === "" ? "XS_BINARY names no compiled xs: deno task compile" : undefined;

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function xs(program: string, socket: string, ...args: string[]): Promise<Said> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: ["--socket", socket, "live-update", ...args],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

function programOf(daemon: ServerProcess): string {
  return Deno.readLinkSync(`/proc/${daemon.pid}/exe`);
}

testUnless(
  missing,
  "xs live-update goes over to the installed xs, when the running one's file is deleted",
  async () => {
    await using scratch = await makeScratch();
    const program = `${scratch.path}/xs`, socketPath = `${scratch.path}/socket`;
    await Deno.copyFile(binary, program);
    const daemon = await startServer({
      name: "xs serve",
      command: program,
      args: ["serve", "--socket", socketPath, "--xen", "no"],
      socketPath,
    });
    try {
      const client = await RawClient.connect(socketPath);
      const before = await dumpTree(client);
      // As dpkg does it: the new file takes the name of the old one.
      await Deno.copyFile(binary, `${program}.new`);
      await Deno.rename(`${program}.new`, program);
      assertEquals(programOf(daemon), `${program} (deleted)`);
      for (let i = 0; i < 2; i++) {
        const { code, out, err } = await xs(program, socketPath);
        assertEquals([code, err], [0, ""], daemon.output());
        assertMatch(out, new RegExp(`^xs \\S+.* serves, pid ${daemon.pid}\n$`));
        assertEquals(programOf(daemon), program);
      }
      assertEquals(treeDifference(before, await dumpTree(client)), []);
      client.close();
    } finally {
      await daemon.stop();
    }
  },
);

testUnless(
  missing,
  "xs live-update to a file that is no daemon is refused, and the old daemon serves on",
  async () => {
    await using scratch = await makeScratch();
    const socketPath = `${scratch.path}/socket`;
    const args = ["serve", "--socket", socketPath, "--xen", "no"];
    const daemon = await startServer({ name: "xs serve", command: binary, args, socketPath });
    try {
      const none = await xs(binary, socketPath, "/none/xs");
      const line =
        "xs: live-update /none/xs: not done: file not accessible (the old daemon still serves)\n";
      assertEquals(none, { code: 1, out: "", err: line });
      const { code, err } = await xs(binary, socketPath, "/bin/sh");
      assertEquals(code, 1);
      assertMatch(
        err,
        /^xs: live-update \/bin\/sh: not done: the file is neither xs nor C xenstored/,
      );
      (await RawClient.connect(socketPath)).close();
    } finally {
      await daemon.stop();
    }
  },
);

testUnless(
  missing ?? cMissing,
  "xs live-update from C xenstored takes a file called xenstored alone",
  async () => {
    await using host = await SimulatedHost.make();
    const daemon = await startC(host);
    try {
      const house = await Household.furnish(host);
      const { code, err } = await xs(binary, host.socketPath);
      assertEquals(code, 1);
      assertMatch(
        err,
        /^xs: live-update \S+: the running daemon is not xs: name a file called xenst/,
      );
      const before = await dumpTree(house.client);
      const link = `${host.path}/xenstored`;
      await Deno.symlink(binary, link);
      const { code: done, out } = await xs(binary, host.socketPath, link);
      assertEquals(done, 0);
      assertMatch(out, new RegExp(`serves, pid ${daemon.pid}\n$`));
      assertEquals(treeDifference(before, await dumpTree(house.client)), []);
      await house.use(daemon);
      house.close();
    } finally {
      await daemon.stop();
    }
  },
);
