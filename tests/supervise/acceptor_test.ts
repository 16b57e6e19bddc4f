/** Both ends of the channel on which a supervisor passes connections, in one process. */
import { assert, assertEquals } from "@std/assert";
import { openDescriptors } from "../../ffi/exec.ts";
import { closeFd, listenUnix } from "../../ffi/unix_socket.ts";
import { PASSED_MAX } from "../../lib/limits.ts";
import type {
  PassedConnection,
  PassedConnections,
} from "../../lib/server/supervision/passed_connections.ts";
import { CrashPoints } from "../support/crash_points.ts";
import { makeScratch } from "../support/scratch.ts";
import { SocketEnd } from "../support/socket_end.ts";
import { AcceptingHolder } from "./life_holders.ts";

/** A supervisor, the daemon's end of its channel, and clients. */
class Channel implements AsyncDisposable {
  readonly holder: AcceptingHolder;
  passing: PassedConnections;
  readonly #scratch: AsyncDisposable & { readonly path: string };
  readonly #listener: number;
  readonly #clients: SocketEnd[] = [];

  private constructor(scratch: AsyncDisposable & { readonly path: string }) {
    this.#scratch = scratch;
    this.#listener = listenUnix(`${scratch.path}/socket`, 100);
    this.holder = new AcceptingHolder(new CrashPoints(), this.#listener);
    this.passing = this.holder.passing();
  }

  static async open(): Promise<Channel> {
    return new Channel(await makeScratch());
  }

  connect(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#clients.push(new SocketEnd(`${this.#scratch.path}/socket`));
    }
    this.holder.maintain();
  }

  /** What is there to be taken, by name; the descriptors are let go of. */
  names(): string[] {
    const names: string[] = [];
    for (let passed = this.passing.next(); passed !== null; passed = this.passing.next()) {
      names.push(this.#nameOf(passed));
    }
    return names;
  }

  stop(): { stopped: boolean; names: string[] } {
    const names: string[] = [];
    const stopped = this.passing.stop((passed) => names.push(this.#nameOf(passed)));
    return { stopped, names };
  }

  #nameOf({ fd, name }: PassedConnection): string {
    assert(fd !== null);
    closeFd(fd);
    return name;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    this.holder.close();
    closeFd(this.#listener);
    await this.#scratch[Symbol.asyncDispose]();
  }
}

Deno.test("acceptor: what is not taken bounds what is accepted, and goes to the next life", async () => {
  const before = openDescriptors().length;
  {
    await using channel = await Channel.open();
    channel.connect(1);
    assertEquals(channel.names(), [], "nobody has asked for connections");
    channel.passing.begin();
    channel.connect(PASSED_MAX + 2);
    const names = channel.names();
    assertEquals(names.length, PASSED_MAX);
    assertEquals(channel.holder.count, PASSED_MAX);
    channel.holder.rename(names[0]!, "70000");
    channel.holder.remove(names[1]!);
    channel.holder.maintain();
    const further = channel.names();
    assertEquals(further.length, 2);
    channel.holder.nextLife();
    const untaken = [...names.slice(2), ...further];
    assertEquals(channel.holder.names.filter((name) => name.startsWith("new-")), untaken);
    assert(channel.holder.names.includes("70000"));
    channel.passing = channel.holder.passing();
    channel.connect(0);
    assertEquals(channel.names(), [], "what the next life is given otherwise is not passed again");
  }
  assertEquals(openDescriptors().length, before, "descriptors are left");
});

Deno.test("acceptor: what did not arrive is passed again, if it is not taken", async () => {
  await using channel = await Channel.open();
  channel.passing.begin();
  channel.connect(2);
  const [first, second] = channel.names();
  channel.holder.again(`xs-${first}`);
  channel.holder.rename(second!, "70000");
  channel.holder.again(`xs-${second}`);
  channel.holder.again("xs-new-99");
  assertEquals(channel.names(), [first]);
});

Deno.test("acceptor: once it is told to stop, and has said so, nothing comes any more", async () => {
  await using channel = await Channel.open();
  channel.passing.begin();
  channel.connect(3);
  const { names, stopped } = channel.stop();
  assertEquals([names.length, stopped], [3, true]);
  for (const [i, name] of names.entries()) channel.holder.rename(name, `${70_000 + i}`);
  channel.connect(2);
  assertEquals(channel.names(), []);
  assertEquals(channel.stop(), { stopped: true, names: [] });
  channel.passing.begin();
  channel.holder.maintain();
  assertEquals(channel.names().length, 2);
});

Deno.test("acceptor: a supervisor that does not answer has not stopped, one that is gone has", async () => {
  await using channel = await Channel.open();
  channel.passing.begin();
  channel.connect(1);
  const { accept } = channel.holder;
  channel.holder.accept = () => {};
  assertEquals(channel.stop().stopped, false);
  channel.holder.accept = accept;
  const passing = channel.passing;
  channel.connect(1);
  // The end of it all, as far as the daemon can see.
  channel.holder.endChannel();
  const { names, stopped } = channel.stop();
  assertEquals([names.length, stopped, passing.ended], [1, true, true]);
});
