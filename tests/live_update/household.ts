/** A host in use: clients of the socket and guests with nodes, permissions and watches. */
import { assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { ByteClient } from "../support/byte_client.ts";
import { RawClient } from "../support/raw_client.ts";
import type { SimulatedHost } from "../support/simulation/simulated_host.ts";
import { letDaemonRun } from "../support/worlds/simulated_world.ts";
import type { ServerProcess } from "../support/process.ts";

const GUESTS = [1, 2, 7];

/** Domain 0 gives these up front; a dot stands for a NUL. */
const FURNITURE: readonly (readonly [type: keyof typeof T, payload: string])[] = [
  ["WRITE", "/vm/name.with value"],
  ["WRITE", "/vm/binary.\x01\x02\xff"],
  ["SET_PERMS", "/vm/name.n0.r1.b2."],
  ["SET_PERMS", "/vm/binary.w0.n7."],
  ["SET_PERMS", "@releaseDomain.n0.r7."],
  ["MKDIR", "/empty."],
];

/** The socket's clients' watches, and a request that fires each. */
const WATCHES: readonly (readonly [path: string, token: string])[] = [
  ["/vm", "vm"],
  ["/", "all"],
  ["home", "relative"],
  ["@releaseDomain", "release"],
  ["@introduceDomain", "introduce"],
];

const dotted = ({ text }: { readonly text: string }): string => text.replaceAll("\0", ".");

function bytes(text: string): Uint8Array {
  return toBytes(text.replaceAll(".", "\0"));
}

/** Everybody who lives on the host. */
export class Household {
  private constructor(
    readonly host: SimulatedHost,
    readonly client: RawClient,
    readonly watcher: RawClient,
    readonly guests: readonly ByteClient[],
  ) {}

  static async furnish(host: SimulatedHost): Promise<Household> {
    const client = await RawClient.connect(host.socketPath);
    const watcher = await RawClient.connect(host.socketPath);
    const ask = async (type: number, text: string): Promise<void> => {
      const reply = (await client.exchange({ type, txId: 0, payload: bytes(text) })).at(-1)!;
      assertEquals(reply.type, type, `${text}: ${reply.text}`);
    };
    const guests: ByteClient[] = [];
    for (const domid of GUESTS) {
      host.create(domid);
      const home = `/local/domain/${domid}`;
      await ask(T.MKDIR, `${home}.`);
      await ask(T.SET_PERMS, `${home}.n${domid}.r0.`);
      await ask(T.INTRODUCE, `${domid}.1.${domid}.`);
      await ask(T.WRITE, `${home}/store/port.${domid}`);
      await ask(T.SET_PERMS, `${home}/store/port.n0.r${domid}.`);
      const guest = new ByteClient(host.guest(domid), letDaemonRun);
      await guest.request(T.WRITE, bytes(`data/mine.of ${domid}`), 0);
      await guest.request(T.SET_PERMS, bytes(`data/mine.b${domid}.r1.`), 0);
      await guest.request(T.WATCH, bytes("data.rel."), 0);
      await guest.request(T.WATCH, bytes(`${home}/data.abs.`), 0);
      await guest.drain();
      guests.push(guest);
    }
    for (const [type, payload] of FURNITURE) await ask(T[type], payload);
    for (const [path, token] of WATCHES) {
      await watcher.exchange({ type: T.WATCH, txId: 0, payload: bytes(`${path}.${token}.`) });
    }
    await barrier(watcher);
    return new Household(host, client, watcher, guests);
  }

  /** Everyone asks, writes and hears of it. */
  async use(daemon: ServerProcess): Promise<void> {
    const { client, guests, watcher } = this;
    for (const [at, domid] of GUESTS.entries()) {
      const guest = guests[at]!;
      const reads = await guest.request(T.READ, bytes("data/mine."), 0);
      assertEquals(dotted(reads.at(-1)!), `of ${domid}`, daemon.output());
      await barrier(watcher);
      const home = `/local/domain/${domid}`;
      const events = await guest.request(T.WRITE, bytes(`data/new.x`), 0);
      assertEquals(events.map(dotted), ["data/new.rel.", `${home}/data/new.abs.`, "OK."]);
      assertEquals((await barrier(watcher)).map(dotted), [`${home}/data/new.all.`]);
    }
    await client.exchange({ type: T.WRITE, txId: 0, payload: bytes("home/x.y") });
    const heard = (await barrier(watcher)).map(dotted).sort();
    assertEquals(heard, ["/local/domain/0/home/x.all.", "home/x.relative."]);
    this.host.setState(GUESTS[2]!, 0);
    this.host.raise();
    const released: string[] = [];
    while (!released.includes("@releaseDomain.release.")) {
      released.push(...(await barrier(watcher)).map(dotted));
    }
  }

  close(): void {
    this.client.close();
    this.watcher.close();
  }
}

/** All events that have come to a client. */
async function barrier(client: RawClient): Promise<{ readonly text: string }[]> {
  const messages = await client.exchange({
    type: T.GET_DOMAIN_PATH,
    txId: 0,
    payload: bytes("0."),
  });
  return messages.slice(0, -1);
}
