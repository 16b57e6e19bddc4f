/** The daemon under systemd itself, by the settings of the unit that we ship. */
import { assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { RawClient } from "../support/raw_client.ts";
import { xsCommand } from "../support/daemon.ts";
import { until } from "../support/patience.ts";
import { isDead } from "../support/supervised.ts";
import { warningsIn } from "../support/warnings.ts";
import { SystemdHost } from "./systemd_host.ts";

/** What of the shipped unit is about deaths. */
const SETTINGS =
  /^(Type|NotifyAccess|FileDescriptorStoreMax|Environment=FDSTORE|Restart\w*|StartLimit\w+)=?/;

const shipped = new URL("../../systemd/xenstored.service", import.meta.url);

function unitIn(folder: string): string {
  const lines = Deno.readTextFileSync(shipped).split("\n")
    .filter((line) => line.startsWith("[") || SETTINGS.test(line))
    .filter((line) => line !== "[Install]");
  const { PATH = "", HOME = "", DENO_DIR = `${HOME}/.cache/deno` } = Deno.env.toObject();
  const command = [...xsCommand(), "serve", "--socket", `${folder}/socket`, "--xen", "no"];
  const log = `append:${folder}/output`;
  lines.splice(lines.indexOf("[Unit]") + 1, 0, "DefaultDependencies=no");
  lines.push(
    `ExecStart=${command.join(" ")}`,
    `Environment=PATH=${PATH} DENO_DIR=${DENO_DIR}`,
    `StandardOutput=${log}`,
    `StandardError=${log}`,
  );
  return `${lines.join("\n")}\n`;
}

async function killUnderSystemd(): Promise<void> {
  await using host = await SystemdHost.start(unitIn);
  const path = `${host.folder}/socket`;
  const output = (): string => Deno.readTextFileSync(`${host.folder}/output`);
  await until("the daemon", () => {
    try {
      return output().includes("xs serves Xenstore");
    } catch {
      return false;
    }
  });
  await using client = await RawClient.connect(path);
  assertEquals(await client.ask(T.WATCH, "/a\0token\0"), "OK\0");
  await client.next();
  const killed = new Set<number>();
  for (let death = 1; death <= 4; death++) {
    const pid = await until(
      "the next daemon",
      () => host.service !== null && !killed.has(host.service) && host.service,
    );
    killed.add(pid);
    Deno.kill(pid, "SIGKILL");
    await until("its death", () => isDead(pid));
    await using waiting = await RawClient.connect(path);
    assertEquals(await waiting.ask(T.WRITE, `/a\0${death}`), "OK\0");
    assertEquals((await client.next())?.text, "/a\0token\0");
    assertEquals(await client.ask(T.READ, "/a\0"), String(death));
  }
  assertEquals(output().match(/recovered \d+ nodes, 0 rings, [12] sockets?/g)?.length, 4);
  assertEquals(warningsIn(output()), []);
}

/** What fdstore_test.ts shows with a stand-in, which any machine has, this shows with the original. */
const missing = await SystemdHost.missing();
if (missing === undefined) {
  Deno.test("systemd keeps clients connected across a death", killUnderSystemd);
} else {
  console.log(`no test with systemd itself: ${missing}`);
}
