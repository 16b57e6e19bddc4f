import { MessageType } from "../wire/message_type.ts";
import { XenstoreError } from "./error.ts";
import { Nodes, wirePath } from "./nodes.ts";
import { fromByteText, Operations, toByteText } from "./operations.ts";
import { Session } from "./session.ts";
import { findSocket, surroundings } from "./socket_path.ts";
import { openStream } from "./stream.ts";
import { inTransaction, Transaction, type TransactionOptions } from "./transaction.ts";
import { Watch } from "./watch.ts";

/** How to reach the daemon. */
export interface ConnectOptions {
  /** The socket, or a guest's device; else found as {@link findSocket} says. */
  readonly socket?: string;
  /**
   * How long requests wait while the daemon sends nothing, in ms; without it, for ever. When it has
   * passed, all of them reject with ETIMEDOUT and the connection ends.
   */
  readonly timeout?: number;
}

/** What {@link Client.watch} takes. */
export interface WatchOptions {
  /** How many levels below the node count; 0 is the node alone. Without it, all. */
  readonly depth?: number;
}

/** The daemon's feature bit for watches with a depth (xs_wire.h, server features). */
const FEATURE_WATCH_DEPTH = 4;

/**
 * A connection to a Xenstore daemon. Requests may be made at any time, also while others are
 * under way: they are answered in the order in which they were made.
 *
 * @example Write, read, list
 * ```ts
 * import { EmbeddedServer } from "../testing/embedded.ts";
 * import { Client } from "./client.ts";
 *
 * await using server = await EmbeddedServer.start();
 * await using client = await Client.connect({ socket: server.socketPath });
 * await client.write("/example/name", "a guest");
 * const [name, children] = await Promise.all([
 *   client.readText("/example/name"),
 *   client.directory("/example"),
 * ]);
 * if (name !== "a guest" || children.join() !== "name") throw new Error("not what was written");
 * ```
 *
 * @example Watch a node
 * ```ts
 * import { EmbeddedServer } from "../testing/embedded.ts";
 * import { Client } from "./client.ts";
 *
 * await using server = await EmbeddedServer.start();
 * await using client = await Client.connect({ socket: server.socketPath });
 * const watch = await client.watch("/example");
 * await client.write("/example/state", "4");
 * for await (const path of watch) {
 *   if (path === "/example/state") break;
 * }
 * ```
 */
export class Client extends Nodes implements AsyncDisposable, Disposable {
  /** The socket or device that the client speaks to. */
  readonly socketPath: string;
  readonly #session: Session;
  #tokenLast = 0;
  #features: Promise<number> | null = null;

  private constructor(session: Session, socketPath: string) {
    super(new Operations(session));
    this.#session = session;
    this.socketPath = socketPath;
  }

  /**
   * Connects.
   *
   * @throws {XenstoreError} ENOENT (no such socket), ECONNREFUSED (nobody listens), EACCES.
   */
  static async connect(options: ConnectOptions = {}): Promise<Client> {
    const path = findSocket(options.socket, surroundings);
    const { timeout } = options;
    return new Client(new Session(await openStream(path), path, { timeout }), path);
  }

  /**
   * Watches a node and all below it, or `options.depth` levels of it. Special nodes are
   * `@introduceDomain` and `@releaseDomain`.
   *
   * @throws {XenstoreError} ENOSYS for a depth if the daemon does not know it; EINVAL, ENOSPC.
   */
  async watch(path: string, options: WatchOptions = {}): Promise<Watch> {
    const name = wirePath("watch", path);
    const { depth } = options;
    if (depth !== undefined && (await this.#ownFeatures() & FEATURE_WATCH_DEPTH) === 0) {
      throw new XenstoreError("ENOSYS", "watch", path, "the daemon cannot limit a watch's depth");
    }
    const token = `xs-${++this.#tokenLast}`;
    const watch = new Watch(this.operations, name, token);
    try {
      await this.operations.watch(name, token, depth);
      return watch;
    } catch (error) {
      this.#session.unlisten(watch.sink);
      throw error;
    }
  }

  #ownFeatures(): Promise<number> {
    return this.#features ??= this.getFeature().catch((error) => {
      if (error instanceof XenstoreError && error.code === "ENOSYS") return 0;
      throw error;
    });
  }

  /**
   * Runs `body` in a transaction and commits it. When the commit meets another client's change
   * (EAGAIN), `body` runs again in a new one after a short, random pause. When `body` throws, the
   * transaction is given up and the error passed on. Within `body`, use its argument: requests of
   * the client itself stand outside the transaction.
   *
   * @example Add one to a counter
   * ```ts
   * import { EmbeddedServer } from "../testing/embedded.ts";
   * import { Client } from "./client.ts";
   *
   * await using server = await EmbeddedServer.start();
   * await using client = await Client.connect({ socket: server.socketPath });
   * await client.write("/count", "41");
   * const count = await client.transaction(async (tx) => {
   *   const next = Number(await tx.readText("/count")) + 1;
   *   await tx.write("/count", String(next));
   *   return next;
   * });
   * if (count !== 42) throw new Error(`counted ${count}`);
   * ```
   *
   * @throws {XenstoreError} EAGAIN once `options.retries` are used up; ENOSPC for a quota.
   */
  async transaction<T>(
    body: (tx: Transaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T> {
    const run = (inside: Operations): Promise<T> => body(new Transaction(inside));
    return await inTransaction(this.operations, run, options);
  }

  /** A CONTROL command and its arguments; the reply's text (privileged clients only). */
  async control(command: string, ...args: string[]): Promise<string> {
    const strings = [command, ...args].map((text) => wirePath("control", text));
    const text = await this.operations.ask(MessageType.CONTROL, "control", ...strings);
    return fromByteText(text);
  }

  /** The path of a domain's home, `/local/domain/<domid>`, whether it exists or not. */
  async getDomainPath(domid: number): Promise<string> {
    return await this.#domain(MessageType.GET_DOMAIN_PATH, "get_domain_path", domid);
  }

  /**
   * Tells the daemon of a domain: its ring's frame (unused by today's daemons) and the event
   * channel port that the domain listens on.
   */
  async introduce(domid: number, frame: bigint | number, port: number): Promise<void> {
    await this.#domain(MessageType.INTRODUCE, "introduce", domid, String(frame), String(port));
  }

  /** Ends a domain's connection, as at its death. */
  async release(domid: number): Promise<void> {
    await this.#domain(MessageType.RELEASE, "release", domid);
  }

  /** Tells the daemon that a domain runs again: its next shutdown is announced again. */
  async resume(domid: number): Promise<void> {
    await this.#domain(MessageType.RESUME, "resume", domid);
  }

  /** Gives `domid` the rights of `target` beside its own, as a device model needs them. */
  async setTarget(domid: number, target: number): Promise<void> {
    await this.#domain(MessageType.SET_TARGET, "set_target", domid, String(target));
  }

  /** Whether a domain has been introduced and not yet released. */
  async isDomainIntroduced(domid: number): Promise<boolean> {
    const type = MessageType.IS_DOMAIN_INTRODUCED;
    return await this.#domain(type, "is_domain_introduced", domid) === "T";
  }

  #domain(type: number, operation: string, domid: number, ...more: string[]): Promise<string> {
    return this.operations.ask(type, operation, String(domid), ...more);
  }

  /** The server features (xs_wire.h) offered to this client, or to the domain. */
  async getFeature(domid?: number): Promise<number> {
    const strings = domid === undefined ? [] : [String(domid)];
    return Number(
      await this.operations.ask(MessageType.GET_FEATURE, "get_feature", ...strings),
    );
  }

  /** Limits the features offered to a domain that is not introduced yet. */
  async setFeature(domid: number, features: number): Promise<void> {
    await this.#domain(MessageType.SET_FEATURE, "set_feature", domid, String(features));
  }

  /** The names of the quotas that the daemon knows. */
  async quotaNames(): Promise<string[]> {
    const names = await this.operations.ask(MessageType.GET_QUOTA, "get_quota");
    return names.split(" ").filter((name) => name !== "");
  }

  /** A quota's value for new domains, or for one domain; 0 means unlimited. */
  async getQuota(name: string, domid?: number): Promise<number> {
    const strings = [toByteText(name)];
    if (domid !== undefined) strings.unshift(String(domid));
    return Number(await this.operations.ask(MessageType.GET_QUOTA, "get_quota", ...strings));
  }

  /** Sets a quota for new domains, or for one domain; 0 means unlimited. */
  async setQuota(name: string, value: number, domid?: number): Promise<void> {
    const strings = [toByteText(name), String(value)];
    if (domid !== undefined) strings.unshift(String(domid));
    await this.operations.ask(MessageType.SET_QUOTA, "set_quota", ...strings);
  }

  /** Drops all watches and transactions of this connection; watches end as if left. */
  async resetWatches(): Promise<void> {
    await this.operations.ask(MessageType.RESET_WATCHES, "reset_watches", "");
    this.#session.endSinks();
  }

  /** Closes the connection; the daemon drops its watches and transactions. Idempotent. */
  close(): void {
    this.#session.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}
