/**
 * The daemon under a service manager that keeps descriptors for it, as systemd does: a stand-in of
 * its own, which knows nothing of `xs` but the protocols of sd_notify(3) and sd_listen_fds(3).
 */
import { assert, assertEquals } from "@std/assert";
import { bindDatagram } from "../../ffi/datagram.ts";
import { receiveWithDescriptors } from "../../ffi/fd_passing.ts";
import { duplicateFrom, reap, spawn } from "../../ffi/spawn.ts";
import { closeFd } from "../../ffi/unix_socket.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { RawClient } from "../support/raw_client.ts";
import { update } from "../support/operator.ts";
import { xsCommand } from "../support/daemon.ts";
import { until, within } from "../support/patience.ts";
import { makeScratch } from "../support/scratch.ts";
import { DIED, successor } from "./successor.ts";

/** Above what any daemon here is given. */
const STORED_FROM = 200;

class Manager implements Disposable {
  readonly #notify: string;
  readonly #socket: number;
  readonly #args: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly stored: { name: string; fd: number }[] = [];
  pid = 0;
  ready = false;
  /** What was told of the polling of descriptors, by name. */
  readonly polled = new Map<string, string | undefined>();

  constructor(folder: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.#notify = `${folder}/notify`;
    this.#socket = bindDatagram(this.#notify);
    this.#args = args;
    this.#env = env;
  }

  /** Starts the service, whose pid only the service itself can know. */
  async start(): Promise<void> {
    const [command, ...words] = xsCommand();
    const script = 'LISTEN_PID=$$ exec "$0" "$@"';
    this.ready = false;
    this.pid = spawn({
      path: "/bin/sh",
      argv: ["sh", "-c", script, command, ...words, "serve", ...this.#args],
      env: {
        ...Deno.env.toObject(),
        NOTIFY_SOCKET: this.#notify,
        LISTEN_FDS: String(this.stored.length),
        LISTEN_FDNAMES: this.stored.map(({ name }) => name).join(":"),
        ...this.#env,
      },
      fds: this.stored.map(({ fd }) => fd),
    });
    await until("the service is ready", () => {
      this.take();
      return this.ready;
    });
  }

  /** Takes what the service has to say. */
  take(): void {
    for (;;) {
      const message = receiveWithDescriptors(this.#socket);
      if (message === null) return;
      const lines = new Map(
        message.text.trimEnd().split("\n").map((line) => {
          const [name, ...value] = line.split("=");
          return [name!, value.join("=")];
        }),
      );
      assertEquals(message.pid, this.pid);
      const name = lines.get("FDNAME") ?? "stored";
      if (lines.get("READY") === "1") this.ready = true;
      if (lines.get("FDSTOREREMOVE") === "1") this.#remove(name);
      if (lines.get("FDSTORE") === "1") {
        assertEquals(message.fds.length, 1);
        this.polled.set(name, lines.get("FDPOLL"));
        this.stored.push({ name, fd: duplicateFrom(message.fds[0]!, STORED_FROM) });
      }
      for (const fd of message.fds) closeFd(fd);
    }
  }

  #remove(name: string): void {
    for (let at = this.stored.length - 1; at >= 0; at--) {
      if (this.stored[at]!.name !== name) continue;
      closeFd(this.stored[at]!.fd);
      this.stored.splice(at, 1);
    }
  }

  async end(signal: Deno.Signal): Promise<void> {
    Deno.kill(this.pid, signal);
    await until("the end of the service", () => reap(this.pid));
    this.take();
    this.pid = 0;
  }

  [Symbol.dispose](): void {
    if (this.pid !== 0) Deno.kill(this.pid, "SIGKILL");
    for (const { fd } of this.stored) closeFd(fd);
    closeFd(this.#socket);
  }
}

/** A client that watches `/a`, and has had the event that comes with that. */
async function watcher(socket: string): Promise<RawClient> {
  const client = await RawClient.connect(socket);
  assertEquals(await client.ask(T.WATCH, "/a\0token\0"), "OK\0");
  await client.next();
  return client;
}

Deno.test("under systemd's descriptor store clients keep their connection", async () => {
  await using scratch = await makeScratch();
  const socket = `${scratch.path}/socket`;
  using manager = new Manager(scratch.path, ["--socket", socket], { FDSTORE: "100" });
  await manager.start();
  await using client = await watcher(socket);
  for (let life = 1; life <= 3; life++) {
    await manager.end("SIGKILL");
    assertEquals(manager.stored.length, 3, "the client's, the listening socket's, the counts'");
    await client.send(T.WRITE, life, `/a\0${life}`);
    await using other = await RawClient.connect(socket);
    await manager.start();
    assertEquals((await client.next())?.text, "/a\0token\0");
    assertEquals((await client.next())?.text, "OK\0");
    assertEquals(await other.ask(T.READ, "/a\0"), `${life}`);
    other.close();
    // It is forgotten everywhere when the daemon has heard of it.
    assertEquals(await client.ask(T.READ, "/a\0"), `${life}`);
    await until("three descriptors", () => {
      manager.take();
      return manager.stored.length === 3;
    });
  }
  // A client that has hung up may have asked for something: that is for the daemon to read.
  assertEquals(new Set(manager.polled.values()), new Set(["0"]));
  assert([...manager.polled.keys()].every((name) => /^[\x21-\x39\x3b-\x7e]{1,255}$/.test(name)));
  await manager.end("SIGTERM");
  assertEquals(manager.stored, [], "nothing is left with it after an orderly end");
  assertEquals(await client.next(), null);
});

Deno.test("beyond what is kept for it a client is served, but hung up with the daemon", async () => {
  await using scratch = await makeScratch();
  const socket = `${scratch.path}/socket`, log = `${scratch.path}/log`;
  const args = ["--socket", socket, "--log-file", log];
  using manager = new Manager(scratch.path, args, { FDSTORE: "4" });
  await manager.start();
  const clients: RawClient[] = [];
  for (let i = 0; i < 4; i++) {
    const client = await RawClient.connect(socket);
    assertEquals(await client.ask(T.WRITE, `/${i}\0x`), "OK\0");
    clients.push(client);
  }
  await manager.end("SIGKILL");
  await manager.start();
  for (const [i, client] of clients.entries()) {
    if (i < 2) assertEquals(await client.ask(T.READ, `/${i}\0`), "x");
    else assertEquals(await client.next(), null);
    client.close();
  }
  const lines = Deno.readTextFileSync(log).match(/only 4 descriptors are held for us/g);
  assertEquals(lines?.length, 1);
  await manager.end("SIGTERM");
});

/** Without the number that tells listening sockets apart. */
function namesOf({ stored }: Manager): string[] {
  return stored.map(({ name }) => name.replace(/-\d+$/, "")).sort();
}

Deno.test("of a store that is not kept only the listening socket is", async () => {
  await using scratch = await makeScratch();
  const socket = `${scratch.path}/socket`;
  const args = ["--socket", socket, "--persist", "none"];
  using manager = new Manager(scratch.path, args, { FDSTORE: "100" });
  await manager.start();
  await using client = await RawClient.connect(socket);
  assertEquals(await client.ask(T.WRITE, "/a\0x"), "OK\0");
  await manager.end("SIGKILL");
  assertEquals(namesOf(manager), ["xs-listen"]);
  assertEquals(await client.next(), null);
  await using waiting = await RawClient.connect(socket);
  await manager.start();
  assertEquals(await waiting.ask(T.READ, "/a\0"), "ENOENT\0");
  await manager.end("SIGTERM");
});

Deno.test("a store that was begun anew hangs up the clients of the one before", async () => {
  await using scratch = await makeScratch();
  const socket = `${scratch.path}/socket`;
  using manager = new Manager(scratch.path, ["--socket", socket], { FDSTORE: "100" });
  await manager.start();
  await using client = await RawClient.connect(socket);
  assertEquals(await client.ask(T.WRITE, "/a\0x"), "OK\0");
  await manager.end("SIGKILL");
  for await (const { name } of Deno.readDir(scratch.path)) {
    if (name.startsWith("socket.store")) await Deno.remove(`${scratch.path}/${name}`);
  }
  await manager.start();
  assertEquals(await client.next(), null);
  manager.take();
  assertEquals(namesOf(manager), ["xs-listen", "xs-slots"]);
  await manager.end("SIGTERM");
});

Deno.test("under systemd's descriptor store a death in a live update hangs nobody up", async () => {
  await using scratch = await makeScratch();
  const socket = `${scratch.path}/socket`;
  using manager = new Manager(scratch.path, ["--socket", socket], { FDSTORE: "100" });
  await manager.start();
  await using client = await watcher(socket);
  const operator = await RawClient.connect(socket);
  const listening = setInterval(() => manager.take(), 5);
  try {
    const [file] = xsCommand();
    assertEquals(await update(operator, { file }), "OK");
    assertEquals(await client.ask(T.READ, "/tool\0"), "");
    const dying = successor(scratch.path, "kill -KILL $$");
    const next = { file: dying, commandLine: `serve --socket ${socket}` };
    const answer = update(operator, next);
    await until("the death", () => reap(manager.pid));
    manager.take();
    assertEquals(manager.stored.length, 4, "two clients', the listening socket's, the counts'");
    await client.send(T.WRITE, 7, "/a\0x");
    await manager.start();
    assertEquals(await within(answer, "answer"), DIED);
    assertEquals((await client.next())?.text, "/a\0token\0");
    assertEquals((await client.next())?.reqId, 7);
  } finally {
    clearInterval(listening);
  }
  operator.close();
  client.close();
  await until("two descriptors", () => {
    manager.take();
    return manager.stored.length === 2;
  });
  await manager.end("SIGTERM");
});
