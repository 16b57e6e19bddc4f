/** `xs` called as `xenstored`: its options, its background, and what tells that it is ready. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { RawClient } from "../support/raw_client.ts";
import { isDead } from "../support/supervised.ts";
import { xsCommand } from "../support/daemon.ts";
import { until } from "../support/patience.ts";
import { testUnless } from "../support/skip.ts";
import { SimulatedHost, simulationMissing } from "../support/simulation/simulated_host.ts";

const missing = simulationMissing();

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the binary under the name `xenstored` on a simulated host, until it has gone to work. */
async function xenstored(
  host: SimulatedHost,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Result> {
  const [command, ...words] = xsCommand();
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", 'exec -a /usr/sbin/xenstored "$0" "$@"', command, ...words, ...args],
    env: { ...host.env(), XENSTORED_RUNDIR: host.path, ...env },
    cwd: host.path,
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** The pid in the host's pid file, or null when there is no such file. */
function daemonPid(host: SimulatedHost): number | null {
  try {
    return Number(Deno.readTextFileSync(`${host.path}/pid`));
  } catch {
    return null;
  }
}

async function stopDaemon(host: SimulatedHost): Promise<void> {
  const pid = daemonPid(host);
  if (pid === null) return;
  Deno.kill(pid, "SIGTERM");
  await until("the daemon's end", () => daemonPid(host) === null);
}

async function control(host: SimulatedHost, ...args: string[]): Promise<string> {
  const [command, ...words] = xsCommand();
  const { stdout } = await new Deno.Command(command, {
    args: [...words, "control", "--socket", host.socketPath, ...args],
  }).output();
  return new TextDecoder().decode(stdout);
}

testUnless(
  missing,
  "xenstored goes to the background when it listens, with its pid locked",
  async () => {
    await using host = await SimulatedHost.make();
    try {
      const options = [
        "-F",
        "pid",
        "-T",
        "trace",
        "--trace-control=+acc",
        "-E",
        "77",
        "-M",
        "9999",
      ];
      const { code, stderr } = await xenstored(host, [
        ...options,
        "-Q",
        "watches=5",
        "-q",
        "memory=9",
        "-w",
        "watch-event=7",
      ]);
      assertEquals([code, stderr], [0, ""]);
      assertEquals(Deno.statSync(host.socketPath).isSocket, true);
      assertEquals(Deno.statSync(`${host.path}/pid`).mode! & 0o777, 0o600);
      const pid = daemonPid(host);
      const stat = (await Deno.readTextFile(`/proc/${pid}/stat`)).split(" ");
      // A session of its own, with no terminal.
      assertEquals([stat[5], stat[6]], [`${pid}`, "0"]);
      assertEquals(await Deno.readLink(`/proc/${pid}/cwd`), "/");
      const quotas = await control(host, "quota");
      for (const line of [/nodes +: +77 /, /watches +: +5 /, /path-max +: +2048 /]) {
        assertMatch(quotas, line);
      }
      assertMatch(await control(host, "quota-soft"), /memory +: +9 /);
      assertMatch(await control(host, "log"), /acc +: on/);
      assertStringIncludes(await Deno.readTextFile(`${host.path}/trace`), "CONTROL (quota");
      // Started again it leaves the first alone, and says so as C xenstored does: not at all.
      assertEquals(await xenstored(host, ["-F", "pid"]), { code: 0, stdout: "", stderr: "" });
      assertEquals(daemonPid(host), pid);
    } finally {
      await stopDaemon(host);
    }
    assertEquals(host.counters.bound, 0);
  },
);

testUnless(missing, "a background daemon that can't start is reported", async () => {
  await using host = await SimulatedHost.make();
  const { code, stderr } = await xenstored(host, ["-F", "pid"], {
    XS_LIBXENEVTCHN: "/nonexistent",
  });
  assertEquals(code, 1);
  assertStringIncludes(stderr, "cannot load /nonexistent");
  assertEquals(daemonPid(host), null);
});

testUnless(missing, "command lines of xenstored that are refused", async () => {
  await using host = await SimulatedHost.make();
  for (
    const [args, complaint] of [
      [["-U"], "there is no state to take up in"],
      [["-E", "x"], 'invalid parameter value "x"'],
      [["-E", "2147483648"], "invalid parameter value"],
      [["-w", "sleep=1"], 'unknown timeout "sleep=1"'],
      [["-Q", "nodes"], "not name=number"],
      [["what"], "no arguments are taken: 'what'"],
      [["-Z"], "invalid option -- 'Z'"],
    ] as const
  ) {
    const { code, stderr } = await xenstored(host, args);
    assertEquals(code, 1, stderr);
    assertStringIncludes(stderr, complaint);
  }
  const { code, stderr } = await xenstored(host, ["-Q", "bogus=1", "-N"]);
  assertEquals(code, 2);
  assertStringIncludes(stderr, "invalid quota");
  assertStringIncludes((await xenstored(host, ["--help"])).stdout, "--keep-orphans");
});

testUnless(
  missing,
  "a service manager hears when the daemon serves, on either kind of socket",
  async () => {
    await using host = await SimulatedHost.make();
    for (const name of [`${host.path}/notify`, `@xs-test-notify-${Deno.pid}`]) {
      const socket = bindDatagram(name);
      try {
        const { stderr } = await xenstored(host, ["-F", "pid"], { NOTIFY_SOCKET: name });
        assertEquals(stderr, "");
        const buffer = new Uint8Array(256);
        const count = libc.sockets().recv(socket, buffer, buffer.length, 0x40);
        const text = new TextDecoder().decode(buffer.subarray(0, Math.max(0, count)));
        assertEquals(text, `READY=1\nMAINPID=${daemonPid(host)}\n`);
      } finally {
        libc.files().close(socket);
        await stopDaemon(host);
      }
    }
  },
);

/** A datagram socket bound to `name`; one that begins with `@` is abstract. */
function bindDatagram(name: string): number {
  const fd = libc.sockets().socket(1, 2, 0);
  const bytes = new TextEncoder().encode(`\x01\0${name.replace(/^@/, "\0")}`);
  if (libc.sockets().bind(fd, bytes, bytes.length) < 0) throw new Error(`cannot bind ${name}`);
  return fd;
}

testUnless(missing, "xenstored --supervise: a daemon that was killed comes again", async () => {
  await using host = await SimulatedHost.make();
  try {
    const { code, stderr } = await xenstored(host, ["--supervise", "-F", "pid"]);
    assertEquals([code, stderr], [0, ""]);
    const pid = daemonPid(host)!;
    await using client = await RawClient.connect(host.socketPath);
    const children = `/proc/${pid}/task/${pid}/children`;
    const daemon = Number(Deno.readTextFileSync(children));
    // A client is held once it has been answered: who is just being accepted is hung up.
    assertEquals(await client.ask(MessageType.GET_DOMAIN_PATH, "6\0"), "/local/domain/6\0");
    // The next one must not come before the host has noticed the death.
    Deno.kill(pid, "SIGSTOP");
    Deno.kill(daemon, "SIGKILL");
    await until("the daemon's death", () => isDead(daemon));
    host.daemonDied();
    Deno.kill(pid, "SIGCONT");
    assertEquals(await client.ask(MessageType.GET_DOMAIN_PATH, "7\0"), "/local/domain/7\0");
    await until(
      "the next daemon",
      () => !["", `${daemon} `].includes(Deno.readTextFileSync(children)),
    );
    assertEquals(daemonPid(host), pid);
  } finally {
    await stopDaemon(host);
  }
});
