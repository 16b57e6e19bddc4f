/** A socket that a service manager made and hands over (LISTEN_FDS). */
import { assert, assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { xsCommand } from "../support/daemon.ts";
import { update } from "../support/operator.ts";
import { type ServerProcess, startServer } from "../support/process.ts";
import { RawClient } from "../support/raw_client.ts";
import { makeScratch } from "../support/scratch.ts";
import { missingFile, testUnless } from "../support/skip.ts";

/** Does what systemd does for a socket unit. */
const MANAGER = `
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
if listener.fileno() != 3: os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="xenstored.socket")
os.execvp(sys.argv[2], sys.argv[2:])
`;

async function startActivated(made: string, socketPath: string): Promise<ServerProcess> {
  const words = [...xsCommand(), "serve", "--socket", socketPath, "--xen", "no"];
  const args = ["-c", MANAGER, made, ...words];
  return await startServer({ name: "xs serve", command: "/usr/bin/python3", args, socketPath });
}

testUnless(
  await missingFile("/usr/bin/python3", "python3"),
  "a socket that is handed over is served, also after a live update, and stays when the daemon ends",
  async () => {
    await using scratch = await makeScratch();
    const path = `${scratch.path}/socket`;
    await using daemon = await startActivated(path, path);
    const { ino } = await Deno.lstat(path);
    await using client = await RawClient.connect(path);
    assertEquals(await client.ask(T.WRITE, "/a\x001"), "OK\0");
    const [file, ...words] = xsCommand();
    const commandLine = [...words, "serve", "--socket", path, "--xen", "no"].join(" ");
    assertEquals(await update(client, { file, commandLine }), "OK", daemon.output());
    assertEquals(await client.ask(T.READ, "/a\0"), "1");
    (await RawClient.connect(path)).close();
    await daemon.stop();
    assertEquals((await Deno.lstat(path)).ino, ino);
  },
);

testUnless(
  await missingFile("/usr/bin/python3", "python3"),
  "a socket that is handed over is known by another name of its folder, and one elsewhere is left alone",
  async () => {
    await using scratch = await makeScratch();
    await Deno.mkdir(`${scratch.path}/run`);
    await Deno.symlink("run", `${scratch.path}/link`);
    const made = `${scratch.path}/run/socket`;
    {
      await using daemon = await startActivated(made, `${scratch.path}/link/socket`);
      (await RawClient.connect(made)).close();
      void daemon;
    }
    await Deno.remove(made);
    const other = `${scratch.path}/other`;
    await using daemon = await startActivated(made, other);
    (await RawClient.connect(other)).close();
    await daemon.stop();
    assert(!(await Deno.lstat(other).then(() => true, () => false)));
    assert((await Deno.lstat(made)).isSocket);
  },
);
