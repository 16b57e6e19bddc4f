import { MessageType } from "../../../lib/wire/message_type.ts";
import { toBytes } from "../../../lib/wire/text.ts";
import { ByteClient } from "../byte_client.ts";
import type { Message } from "../message.ts";
import { RawClient } from "../raw_client.ts";
import { startDaemon } from "../daemon.ts";
import { until } from "../patience.ts";
import type { ServerProcess } from "../process.ts";
import { type ListLibrary, SimulatedHost } from "./simulated_host.ts";
import { letDaemonRun } from "../worlds/simulated_world.ts";

/** A request of text, a dot for each NUL. */
function request(type: number, text: string): Parameters<RawClient["exchange"]>[0] {
  return { type, txId: 0, payload: toBytes(text.replaceAll(".", "\0")) };
}

/** A simulated host with `xs serve` on it and one client in domain 0. */
export class Bench implements AsyncDisposable {
  private constructor(
    readonly host: SimulatedHost,
    readonly daemon: ServerProcess,
    readonly socket: RawClient,
  ) {}

  /** `prepare` sees the host before the daemon starts. */
  static async make(
    list: ListLibrary,
    prepare: (host: SimulatedHost) => void = () => {},
    args: readonly string[] = [],
  ): Promise<Bench> {
    const host = await SimulatedHost.make();
    try {
      prepare(host);
      const daemon = await startDaemon({ socket: host.socketPath, env: host.env(list), args });
      return new Bench(host, daemon, await RawClient.connect(host.socketPath));
    } catch (error) {
      await host[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** All that comes back to the request of domain 0, each as text with a dot for each NUL. */
  async ask(type: keyof typeof MessageType, text: string): Promise<string[]> {
    return (await this.socket.exchange(request(MessageType[type], text))).map(dotted);
  }

  /** The reply to one request for each of `texts`, sent in one piece. */
  async askAll(type: keyof typeof MessageType, texts: readonly string[]): Promise<string[]> {
    const requests = texts.map((text) => request(MessageType[type], text));
    return (await this.socket.exchange(...requests)).map(dotted);
  }

  /** Events that have come to domain 0's client. */
  async events(): Promise<string[]> {
    return (await this.ask("GET_DOMAIN_PATH", "0.")).slice(0, -1);
  }

  /** A domain with its home, introduced on port 5. */
  async introduce(domid: number): Promise<ByteClient> {
    this.host.create(domid);
    const home = `/local/domain/${domid}`;
    await this.ask("MKDIR", `${home}.`);
    await this.ask("SET_PERMS", `${home}.n${domid}.`);
    const [reply] = (await this.ask("INTRODUCE", `${domid}.1.5.`)).slice(-1);
    if (reply !== "OK.") throw new Error(`INTRODUCE of domain ${domid}: ${reply}`);
    return this.client(domid);
  }

  /** The client in a guest. */
  client(domid: number): ByteClient {
    return new ByteClient(this.host.guest(domid), letDaemonRun);
  }

  /** Changes a domain's state bits, raises the VIRQ and waits until the daemon has dealt with it. */
  async setState(domid: number, state: number): Promise<void> {
    this.host.setState(domid, state);
    await this.raise();
  }

  async raise(): Promise<void> {
    this.host.raise();
    await until("the VIRQ to be taken", () => this.host.virqTaken);
    // Answered in a later turn than the one in which the VIRQ was taken.
    const other = await RawClient.connect(this.host.socketPath);
    await other.exchange(request(MessageType.GET_DOMAIN_PATH, "0."));
    other.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.close();
    await this.daemon.stop();
    await this.host[Symbol.asyncDispose]();
  }
}

/** A message's text with a dot for each NUL. */
export function dotted(message: Message): string {
  return message.text.replaceAll("\0", ".");
}
