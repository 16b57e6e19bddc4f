/** Each kind of thing that a daemon records, done to a daemon: `xs log` and `xs show` say what it was, and who did it. */
import { DatabaseSync } from "node:sqlite";
import { assertEquals } from "@std/assert";
import { Client } from "../../lib/client/client.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { startDaemon } from "../support/daemon.ts";
import { nextXs, startXs, update } from "../support/operator.ts";
import { until } from "../support/patience.ts";
import { RawClient } from "../support/raw_client.ts";
import { makeScratch } from "../support/scratch.ts";
import { SimulatedHost, simulationMissing } from "../support/simulation/simulated_host.ts";
import { testUnless } from "../support/skip.ts";
import { xs } from "./support.ts";

/** What is done; the lines that `xs log` gets by that; what `xs show` says of the last of them besides. */
type Case = readonly [act: () => Promise<unknown>, log: readonly string[], show?: string];

/** Text without numbers of commits, times, and this process. */
function plain(text: string): string[] {
  return text.replace(/^#\d+ \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} /gm, "")
    .replace(new RegExp(`pid ${Deno.pid} \\([^\\n]*?\\)(?=: )`, "g"), "WE").split("\n").slice(
      0,
      -1,
    );
}

/** A host with a daemon, and this process as its client. */
class Recorded {
  client!: RawClient;

  constructor(readonly host: SimulatedHost) {}

  get store(): string {
    return `${this.host.path}/store`;
  }

  async connect(): Promise<void> {
    this.client = await RawClient.connect(this.host.socketPath);
  }

  /** A request whose strings are between dots. */
  async ask(type: number, text: string): Promise<void> {
    const reply = await this.client.ask(type, text.replaceAll(".", "\0"));
    if (/^E[A-Z0-9]+\0$/.test(reply)) throw new Error(`${text}: ${reply}`);
  }

  async run(...args: string[]): Promise<string> {
    const { err, out, status } = await xs(this.host.socketPath, args);
    if (status !== 0) throw new Error(`${args.join(" ")}: ${err}`);
    return out;
  }

  /** The number of the last record. */
  async last(): Promise<number> {
    const out = await this.run("log", "--oneline", "-n", "1");
    return Number(/^#(\d+)/.exec(out)![1]);
  }

  async check([act, log, show]: Case): Promise<void> {
    const before = await this.last();
    await act();
    assertEquals(plain(await this.run("log", "--oneline", "--since", `${before + 1}`)), log);
    const [first, ...rest] = plain(await this.run("show", `${await this.last()}`));
    assertEquals(first, log.at(-1));
    if (show !== undefined) assertEquals(rest, show.split("\n"));
  }

  /** The domain dies. */
  async kill(domid: number): Promise<void> {
    this.host.setState(domid, 0);
    this.host.raise();
    const isGone = async (): Promise<boolean> =>
      await this.client.ask(T.READ, `/local/domain/${domid}\0`) === "ENOENT\0";
    await until("the death of a domain", isGone);
  }

  async update(): Promise<void> {
    assertEquals(await update(this.client, nextXs(this.host, "--store", this.store)), "OK");
  }
}

testUnless(
  simulationMissing(),
  "each kind of commit: what it was, and who did it",
  async () => {
    await using host = await SimulatedHost.make();
    const recorded = new Recorded(host), dump = `${host.path}/dump`;
    const ask = (type: number, text: string) => (): Promise<void> => recorded.ask(type, text);
    const run = (...args: string[]) => (): Promise<string> => recorded.run(...args);
    await using _daemon = await startXs(host, "--store", recorded.store);
    await recorded.connect();
    for (const domid of [1, 2, 3]) {
      host.create(domid);
      await recorded.ask(T.WRITE, `/local/domain/${domid}/name.guest-${domid}`);
      await recorded.ask(T.SET_PERMS, `/local/domain/${domid}.n${domid}.`);
    }
    await recorded.run("dump", "-o", dump);
    const cases: Case[] = [
      [ask(T.WRITE, "/a.1"), ['WE: write /a = "1" (n0)'], '+ /a = "1" (n0)'],
      [ask(T.WRITE, "/a.2"), ['WE: write /a "1" -> "2"'], '- /a = "1" (n0)\n+ /a = "2" (n0)'],
      [ask(T.SET_PERMS, "/a.n0.r2."), ["WE: set-perms /a (n0) -> (n0,r2)"]],
      [ask(T.MKDIR, "/b/c."), ['WE: mkdir /b/c = "" (n0), with 1 node above']],
      [ask(T.RM, "/b."), ["WE: rm /b removed, with 1 node below"]],
      [ask(T.INTRODUCE, "1.1.21."), ["WE: introduce domain 1, port 21"]],
      [ask(T.INTRODUCE, "2.2.22."), ["WE: introduce domain 2, port 22"]],
      [ask(T.SET_TARGET, "1.2."), ["WE: set-target domain 1, target 2"]],
      [ask(T.RESUME, "1."), ["WE: resume domain 1"]],
      [ask(T.SET_QUOTA, "nodes.800."), ["WE: quota nodes of new domains: 1000, now 800"]],
      [ask(T.SET_QUOTA, "1.nodes.500."), ["WE: quota nodes of domain 1: 1000, now 500"]],
      [ask(T.CONTROL, "quota.set.watches.9."), ["WE: quota watches of new domains: 128, now 9"]],
      [ask(T.SET_FEATURE, "3.2."), ["WE: features domain 3, features 2"]],
      [ask(T.CONTROL, "log.off."), ["WE: setting trace: off"]],
      [ask(T.RM, "/local/domain/1/name."), ["WE: rm /local/domain/1/name removed"]],
      [
        run("restore", "--into", "live", "--domain", "1", dump),
        ['WE: restore domain 1; /local/domain/1/name = "guest-1" (n0)'],
        '+ /local/domain/1/name = "guest-1" (n0)',
      ],
      [run("restore", "--into", "live", dump), [
        "WE: restore nodes of new domains: 800, now 1000; watches of new domains: 9, now 128; /a removed",
      ], '- /a = "2" (n0,r2)'],
      [ask(T.RELEASE, "2."), [
        "the daemon: death domain 2 (guest-2) died; nothing is left of domain 2; part of death 1; 2 paths",
        "WE: release domain 2",
      ]],
      [() => recorded.kill(1), [
        "the daemon: death domain 1 (guest-1) died; nothing is left of domain 1; part of death 2; 2 paths",
      ], '- /local/domain/1 = "" (n1)\n- /local/domain/1/name = "guest-1" (n0)'],
      [() => recorded.update(), ["the daemon: start after a live update"]],
      [ask(T.WRITE, "/a.1"), ['WE: write /a = "1" (n0)']],
    ];
    for (const one of cases) await recorded.check(one);
  },
);

/** The store is from an earlier boot of the host. */
function boot(store: string): void {
  const database = new DatabaseSync(store);
  database.exec("UPDATE about SET value = 'another' WHERE name = 'boot_id'");
  database.close();
}

Deno.test("each start: what was before it; after a boot of the host, numbers begin anew", async () => {
  await using scratch = await makeScratch();
  const store = `${scratch.path}/store`, seen: string[][] = [];
  const live = async (signal: Deno.Signal, ...more: string[]): Promise<void> => {
    const args = ["--xen", "no", "--store", store, ...more];
    await using daemon = await startDaemon({ args });
    await using client = await Client.connect({ socket: daemon.socketPath });
    await client.write("/a", `${seen.length}`);
    const { out } = await xs(daemon.socketPath, ["log", "--oneline"]);
    const first = await xs(daemon.socketPath, ["exists", "--at", "#1", "/tool"]);
    assertEquals([first.status, first.err], [0, ""]);
    seen.push(plain(out.replace(/^#(\d+) .{23} /gm, "$&$1 ")));
    Deno.kill(daemon.pid, signal);
    await daemon.status;
  };
  await live("SIGTERM");
  await live("SIGKILL");
  await live("SIGTERM");
  boot(store);
  await live("SIGTERM");
  await live("SIGKILL", "--keep", "/a");
  boot(store);
  await live("SIGTERM", "--keep", "/a");
  const empty = "1 the daemon: start with an empty store; 5 paths";
  const first = [empty, '2 WE: write /a = "0" (n0)'];
  const second = [
    ...first,
    "3 the daemon: start after an orderly end",
    '4 WE: write /a "0" -> "1"',
  ];
  const third = [...second, "5 the daemon: start after a death", '6 WE: write /a "1" -> "2"'];
  assertEquals(seen.slice(0, 3), [first, second, third]);
  // What is kept is new to a store that is.
  const booted = "1 the daemon: start after a boot of the host; ";
  const fourth = [`${booted}5 paths`, '2 WE: write /a = "3" (n0)'];
  const fifth = [
    ...fourth,
    "3 the daemon: start after an orderly end",
    '4 WE: write /a "3" -> "4"',
  ];
  const sixth = [`${booted}6 paths`, '2 WE: write /a "4" -> "5"'];
  assertEquals(seen.slice(3), [fourth, fifth, sixth]);
});
