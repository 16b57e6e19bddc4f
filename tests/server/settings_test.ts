/** What CONTROL has set in the daemon, through its death and its end. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { RawClient } from "../support/raw_client.ts";
import { startDaemon } from "../support/daemon.ts";
import type { ServerProcess } from "../support/process.ts";
import { makeScratch } from "../support/scratch.ts";

/** One daemon after the other at the same place, and what an operator asks of them. */
class Place implements AsyncDisposable {
  #daemon: ServerProcess | null = null;

  private constructor(readonly path: string, readonly remove: () => PromiseLike<void>) {}

  static async make(): Promise<Place> {
    const scratch = await makeScratch();
    return new Place(scratch.path, () => scratch[Symbol.asyncDispose]());
  }

  async start(...args: string[]): Promise<void> {
    const socket = `${this.path}/socket`;
    this.#daemon = await startDaemon({ socket, args: ["--xen", "no", ...args] });
  }

  async kill(): Promise<void> {
    Deno.kill(this.#daemon!.pid, "SIGKILL");
    await this.#daemon!.status;
  }

  async stop(): Promise<void> {
    await this.#daemon!.stop();
  }

  output(): string {
    return this.#daemon!.output();
  }

  async ask(type: number, ...words: string[]): Promise<string> {
    const client = await RawClient.connect(`${this.path}/socket`);
    const payload = toBytes(words.map((word) => `${word}\0`).join(""));
    const { text } = (await client.exchange({ type, txId: 0, payload })).at(-1)!;
    client.close();
    return text.replace(/\0$/, "");
  }

  /** CONTROL commands that succeed. */
  async control(...commands: string[]): Promise<void> {
    for (const command of commands) {
      assertEquals(await this.ask(T.CONTROL, ...command.split(" ")), "OK", command);
    }
  }

  /** The trace switches that are on. */
  async switches(): Promise<string> {
    const lines = (await this.ask(T.CONTROL, "log")).split("\n");
    return lines.filter((line) => line.endsWith(": on")).map((line) => line.split(/ /)[0]).join();
  }

  /** The nodes whose writing is in a trace file. */
  traced(file: string): string {
    const text = Deno.readTextFileSync(`${this.path}/${file}`);
    return [...text.matchAll(/ IN .* WRITE \(\/(\S+) /g)].map(([, name]) => name).join();
  }

  async write(name: string): Promise<void> {
    assertEquals(await this.ask(T.WRITE, `/${name}`, "x"), "OK");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon?.stop();
    await this.remove();
  }
}

for (const way of ["kill", "stop"] as const) {
  Deno.test(`settings: ${way}, and what CONTROL has set is as it was`, async () => {
    await using place = await Place.make();
    await place.start();
    assertEquals(await place.switches(), "obj,io");
    await place.control("log +acc", "log +wrl", "log -wrl", "log -obj");
    await place.control(`logfile ${place.path}/trace`);
    await place.write("first");
    await place[way]();
    await place.start();
    assertEquals(await place.switches(), "io,acc");
    await place.write("second");
    assertEquals(place.traced("trace"), "first,second");
    await place.control("log off");
    await place[way]();
    await place.start();
    assertEquals(await place.switches(), "io,acc");
    await place.write("third");
    await place.control("log on");
    await place.write("fourth");
    assertEquals(place.traced("trace"), "first,second,fourth");
  });
}

Deno.test("settings: CONTROL's word outlives an unchanged command line", async () => {
  await using place = await Place.make();
  const args = ["--trace-file", `${place.path}/told`, "--trace-control", "+tdb"];
  await place.start(...args);
  assertEquals(await place.switches(), "obj,io,tdb");
  await place.control("log off", "log -tdb");
  await place.kill();
  await place.start(...args);
  assertEquals(await place.switches(), "obj,io");
  await place.write("off");
  await place.control(`logfile ${place.path}/named`);
  await place.kill();
  await place.start(...args);
  await place.write("on");
  assertEquals([place.traced("told"), place.traced("named")], ["", "on"]);
});

Deno.test("settings: a command line that says something else is obeyed, once and for all", async () => {
  await using place = await Place.make();
  const args = ["--trace-file", `${place.path}/a`, "--trace-control", "+tdb"];
  await place.start(...args);
  await place.control(`logfile ${place.path}/b`, "log -tdb", "log +acc");
  await place.kill();
  await place.start("--trace-file", `${place.path}/c`, "--trace-control=+acc");
  await place.write("first");
  assertEquals(await place.switches(), "obj,io,acc");
  await place.kill();
  await place.start(...args);
  await place.write("second");
  assertEquals(await place.switches(), "obj,io");
  assertEquals(["a", "b", "c"].map((file) => place.traced(file)), ["second", "", "first"]);
});

Deno.test("settings: a quota is as CONTROL left it until the command line says another", async () => {
  await using place = await Place.make();
  const nodes = async (): Promise<number> => {
    const lines = (await place.ask(T.CONTROL, "quota")).split("\n");
    return Number(/: +(\d+)/.exec(lines.find((line) => line.startsWith("nodes "))!)![1]);
  };
  await place.start("--quota", "nodes=2000", "--quota", "watches=99");
  assertEquals(await nodes(), 2000);
  await place.control("quota set nodes 3000");
  for (const [quota, expected] of [[2000, 3000], [5000, 5000], [5000, 5000]] as const) {
    await place.kill();
    await place.start("--quota", `nodes=${quota}`);
    assertEquals(await nodes(), expected);
  }
  await place.control("quota set nodes 6000");
  for (const args of [["--quota", "nodes=5000"], [], ["--quota", "nodes=5000"]]) {
    await place.stop();
    await place.start(...args);
    assertEquals(await nodes(), 6000);
  }
  assertStringIncludes(await place.ask(T.CONTROL, "quota"), "watches          :       99 ");
});

Deno.test("settings: a trace file that can't be opened again is a warning", async () => {
  await using place = await Place.make();
  Deno.mkdirSync(`${place.path}/logs`);
  await place.start();
  await place.control(`logfile ${place.path}/logs/tr\xc3\xa4ce`);
  await place.kill();
  assert(Deno.statSync(`${place.path}/logs/träce`).isFile);
  Deno.removeSync(`${place.path}/logs`, { recursive: true });
  await place.start();
  assertMatch(place.output(), /xs: warning: the trace is off: its file cannot be opened again: /);
  assertStringIncludes(place.output(), `${place.path}/logs/träce`);
  await place.write("untraced");
  assertEquals(await place.ask(T.CONTROL, "log", "on"), "ENOENT");
  Deno.mkdirSync(`${place.path}/logs`);
  await place.control("log on");
  await place.write("traced");
  assertEquals(place.traced("logs/träce"), "traced");
});
