/** The commands in the text of docs/debugging.md, each typed as it stands there. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { pause, until } from "../support/patience.ts";
import { makeScratch } from "../support/scratch.ts";
import { readText } from "../support/sources.ts";

/** What each command prints; those that go on are then interrupted. */
const SHOWS: Readonly<Record<string, RegExp>> = {
  "xs quota --default watches=512": /^$/,
  "xs trace --op write --path /local/domain/0/backend":
    / write \/local\/domain\/0\/backend\/vif\/7\/0\/state "\d" \(\w+\) = OK\n/,
  "xs log --process vif-janitor": /: write \/local\/domain\/0\/backend\/vif\/7\/0\/state = "6"/,
  "xs serve --at -1h --socket /tmp/past": /for reading only\n/,
  "xs bisect --good -1h -- ./check.sh": /^#\d+ is the first bad commit\n/m,
  "xs log --format git-fast-import": /^feature done\ncommit /,
  "xs log -f": /^#\d+ .*: write \/local\/domain\/7\/device\/vif\/0\/state "\d" -> "\d"\n/m,
  "xs log -f /local/domain/7": /^#\d+ .*: write \/local\/domain\/7\/device\/vif\/0\/state /m,
  "xs watch --by --timestamps /local/domain/7/device":
    /state = "\d" \(was "\d"\) by pid \d+ \(.*\) in #\d+\n/,
  "xs log --store /var/lib/xs/store": /^#\d+ .*: write \/local\/domain\/7\/device\/vif\/0\/state /m,
};

/** Those in the text, and not in the examples, that are more than a command's name. */
function inlineCommands(): string[] {
  const text = readText("docs/debugging.md").replaceAll(/^ {4}.*$/gm, "");
  const found = [...text.matchAll(/`(xs [\w-]+ [^`]*)`/g)].map(([, command]) => command!);
  return found.map((command) => command.replaceAll(/\s+/g, " "));
}

/** Runs a command until it has printed what it is to print; one that goes on gets SIGINT then. */
async function typed(
  words: readonly string[],
  { cwd, shows, socket }: { cwd: string; shows: RegExp; socket: string },
): Promise<void> {
  const [program, ...before] = xsCommand();
  const child = new Deno.Command(program, {
    args: [...before, ...words],
    cwd,
    env: { XENSTORED_PATH: socket },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const said = new Response(child.stderr).text(), about = words.join(" ");
  let out = "", isOver = false;
  const reading = (async () => {
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) out += part;
    isOver = true;
  })();
  await until(`xs ${about}`, () => isOver || shows.source !== "^$" && shows.test(out));
  try {
    child.kill("SIGINT");
  } catch {
    // It has ended by itself.
  }
  await reading;
  const { code } = await child.status, err = await said;
  assertMatch(out, shows, `${about}: ${err}`);
  assert(code === 0 || code === 130, `${about}: ${code}: ${err}`);
  // Progress is no error, and neither is what a moment of the past lacks.
  assertEquals(err.replaceAll(/^xs: (?:#\d+|live@#2)[ :].*\n/gm, ""), "", about);
}

Deno.test("debugging.md: the commands in its text work", async () => {
  await using scratch = await makeScratch();
  const cwd = scratch.path, store = `${cwd}/store`;
  const daemon = await startDaemon({ args: ["--store", store] });
  const socket = daemon.socketPath;
  const client = await Client.connect({ socket });
  const state = "/local/domain/0/backend/vif/7/0/state",
    device = "/local/domain/7/device/vif/0/state";
  await client.write(device, "1");
  const [program, ...before] = xsCommand();
  const janitor = new Deno.Command("bash", {
    args: ["-c", 'exec -a vif-janitor "$0" "$@"', program, ...before, "write", state, "6"],
    env: { XENSTORED_PATH: socket },
  });
  assertEquals((await janitor.output()).code, 0);
  const xs = xsCommand().map((word) => `'${word}'`).join(" ");
  await Deno.writeTextFile(`${cwd}/check.sh`, `#!/bin/sh\n! ${xs} exists ${state}\n`, {
    mode: 0o755,
  });
  let isOver = false;
  const traffic = (async () => {
    for (let i = 0; !isOver; i++) {
      await client.write(state, `${i % 7}`);
      await client.write(device, `${i % 7}`);
      await pause(5);
    }
  })();
  const found = inlineCommands();
  for (const command of found) {
    const shows = SHOWS[command];
    assert(shows !== undefined, `what does ${command} print?`);
    // A daemon of the test has no hour behind it, and a place of its own.
    const words = command.replace("-1h", "#2").replace("/tmp/past", `${cwd}/past`)
      .replace("/var/lib/xs/store", store).split(" ").slice(1);
    if (command.includes("--store")) {
      isOver = true;
      await traffic;
      client.close();
      await daemon.stop();
    }
    await typed(words, { cwd, shows, socket });
  }
  assertEquals(Object.keys(SHOWS).sort(), found.sort());
  await daemon.stop();
});
