/** The stories of docs/debugging.md that look back, played on a daemon with a history. */
import { assertEquals } from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { runApp } from "../../cmd/app.ts";
import { xsCommand } from "../support/daemon.ts";
import { fakeShell } from "../support/fake_shell.ts";
import { startRecorded } from "../support/recorded_daemon.ts";
import { makeScratch } from "../support/scratch.ts";
import { tellStory } from "./page.ts";

/** Runs `xs` as a process that goes by another name. */
async function runAs(
  name: string,
  socket: string,
  args: readonly string[],
  input = "",
): Promise<number> {
  const [command, ...words] = xsCommand();
  const child = new Deno.Command("bash", {
    args: ["-c", `exec -a ${name} "$0" "$@"`, command, ...words, ...args],
    env: { XENSTORED_PATH: socket },
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  return (await child.status).code;
}

const VIF = "/local/domain/0/backend/vif/7/0";

/** What has happened before somebody asks. */
async function happen(socket: string): Promise<void> {
  const done = async (...args: Parameters<typeof runAs>): Promise<void> => {
    assertEquals(await runAs(...args), 0, `${args[0]} ${args[2].join(" ")}`);
  };
  await done("netback", socket, ["write", `${VIF}/state`, "2"]);
  await done("netback", socket, ["write", `${VIF}/hotplug-status`, "connected"]);
  await done("netback", socket, ["write", `${VIF}/state`, "4"]);
  await done("toolstack", socket, ["write", "/vm/7/memory", "1024"]);
  await done("vif-janitor", socket, ["tx"], `write ${VIF}/state 6\nrm ${VIF}/hotplug-status\n`);
  await conflict(socket);
}

/** A program's transaction gives way to another's write. */
async function conflict(socket: string): Promise<void> {
  const script = `
    import { Client } from ${
    JSON.stringify(new URL("../../lib/client/client.ts", import.meta.url).href)
  };
    const client = await Client.connect({ socket: ${JSON.stringify(socket)} });
    const input = Deno.stdin.readable.getReader();
    await client.transaction(async (inside) => {
      await inside.read("/vm/7/memory");
      console.log("read");
      await input.read();
      await inside.write("/vm/7/target", "512");
    }, { retries: 0 }).catch(() => {});
    Deno.exit(0);
  `;
  await using scratch = await makeScratch();
  const path = `${scratch.path}/toolstack.ts`;
  Deno.writeTextFileSync(path, script);
  const child = new Deno.Command("bash", {
    args: ["-c", 'exec -a toolstack "$0" "$@"', Deno.execPath(), "run", "-A", "--no-check", path],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const output = child.stdout.getReader();
  await output.read();
  assertEquals(await runAs("squeezed", socket, ["write", "/vm/7/memory", "2048"]), 0);
  const writer = child.stdin.getWriter();
  await writer.write(new Uint8Array(1));
  await child.status;
  await writer.close().catch(() => {});
  await output.cancel();
}

Deno.test("stories: who wrote a value, undo it, what was it then, why a transaction fails", async () => {
  await using server = await startRecorded();
  const { socketPath } = server, scene = { socketPath, log: [] };
  await happen(socketPath);
  await tellStory("A value is wrong: who wrote it?", scene);
  await tellStory("Undo it", scene);
  await tellStory("What was the value at an earlier time?", scene);
  await tellStory("A transaction fails again and again", scene);
  // Nothing of it has changed the store, and what the page calls wrong can be undone.
  await using client = await Client.connect({ socket: socketPath });
  assertEquals(await client.readText(`${VIF}/state`), "6");
  const shell = fakeShell(["revert", "6"], { env: { XENSTORED_PATH: socketPath } });
  assertEquals(await runApp(shell), 0);
  assertEquals(await client.readText(`${VIF}/state`), "4");
});
