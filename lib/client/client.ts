import { type Clock, systemClock } from "../clock.ts";
import { FEATURE_WATCH_DEPTH } from "../wire/features.ts";
import { MessageType } from "../wire/message_type.ts";
import { type CallOptions, unlessAborted } from "./call.ts";
import { traceCaller, XenstoreError } from "./error.ts";
import { Link, type ReconnectOptions } from "./link.ts";
import { call, Nodes, wirePath } from "./nodes.ts";
import { fromByteText, type Operations, toByteText } from "./operations.ts";
import { permissionError } from "./permission.ts";
import { fixedRoute } from "./route.ts";
import { findSocket, surroundings } from "./socket_path.ts";
import { type ByteStream, openStream } from "./stream.ts";
import { inTransaction, Transaction, type TransactionOptions } from "./transaction.ts";
import { Watch, type WatchOptions } from "./watch.ts";

/** How to reach the daemon. */
export interface ConnectOptions {
  /** The socket, or a guest's device; else found as `xs` finds it (docs/clients.md). */
  readonly socket?: string;
  /**
   * How long requests wait while the daemon sends nothing, in ms; without it, for ever. When it has
   * passed, all of them reject with ETIMEDOUT and the connection ends.
   */
  readonly timeout?: number;
  /** Gives up to connect: rejects with the signal's reason. It does not end the client later. */
  readonly signal?: AbortSignal;
  /**
   * Connects again when the connection is lost, and sets all watches again. Requests wait meanwhile;
   * one that was under way is made again if it had no effect, else it rejects with ECONNRESET and
   * {@link XenstoreError.uncertain}. A transaction that was open rejects with ECONNRESET.
   */
  readonly reconnect?: boolean | ReconnectOptions;
}

/**
 * A connection to a Xenstore daemon. Requests may be made at any time, also while others are
 * under way: they are answered in the order in which they were made.
 *
 * @example Write, read, list
 * ```ts
 * import { Client, EmbeddedServer } from "@xenstore/xs";
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
 * import { Client, EmbeddedServer } from "@xenstore/xs";
 *
 * await using server = await EmbeddedServer.start();
 * await using client = await Client.connect({ socket: server.socketPath });
 * const watch = await client.watch("/example");
 * await client.write("/example/state", "4");
 * for await (const { path } of watch) {
 *   if (path === "/example/state") break;
 * }
 * ```
 */
export class Client extends Nodes implements AsyncDisposable, Disposable {
  /** The socket or device that the client speaks to. */
  readonly socketPath: string;
  readonly #link: Link;
  #tokenLast = 0;

  private constructor(link: Link, socketPath: string) {
    super(link);
    this.#link = link;
    this.socketPath = socketPath;
  }

  /**
   * Connects. Needs the permissions to use the socket (`--allow-read`, `--allow-write`, `--allow-net`)
   * and, where no socket is named, to read XENSTORED_PATH, XENSTORED_RUNDIR and XDG_RUNTIME_DIR
   * (`--allow-env`).
   *
   * @throws {XenstoreError} ENOENT (no such socket), ECONNREFUSED (no daemon listens), EACCES (also for
   *   a permission that Deno denies).
   */
  static async connect(options: ConnectOptions = {}): Promise<Client> {
    const { reconnect = false, signal, timeout } = options;
    try {
      const path = findSocket(options.socket, surroundings);
      const open = (): Promise<ByteStream> => openStream(path);
      const link = new Link(await unlessAborted(open(), signal), {
        name: path,
        clock: systemClock,
        timeout,
        reopen: reconnect === false ? null : open,
        options: typeof reconnect === "object" ? reconnect : {},
      });
      return new Client(link, path);
    } catch (error) {
      const cause = permissionError(error, options.socket ?? "");
      traceCaller(cause, Client.connect);
      throw cause;
    }
  }

  /**
   * A client over a stream that is open already, such as a ring of a simulated guest.
   *
   * @param name what the stream leads to, for errors.
   * @param clock what time-outs go by: this machine's clock unless a test sets its own.
   */
  static over(stream: ByteStream, name: string, clock: Clock = systemClock): Client {
    const link = new Link(stream, {
      name,
      clock,
      timeout: undefined,
      reopen: null,
      options: {},
    });
    return new Client(link, name);
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
    if (depth !== undefined && (await this.#ownFeatures(options) & FEATURE_WATCH_DEPTH) === 0) {
      throw new XenstoreError("ENOSYS", "watch", path, "the daemon cannot limit a watch's depth");
    }
    const token = `xs-${++this.#tokenLast}`;
    return await call(this, options, async (nodes) => {
      const watch = new Watch({ link: this.#link, path: name, token, options });
      await watch.register(nodes);
      return watch;
    });
  }

  /** The features that the daemon offers: another daemon may offer others. */
  async #ownFeatures({ signal, timeout }: CallOptions): Promise<number> {
    return await this.getFeature(undefined, { signal, timeout }).catch((error) => {
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
   * import { EmbeddedServer } from "@xenstore/xs/testing";
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
    options: TransactionOptions = {},
  ): Promise<T> {
    const run = (inside: Operations): Promise<T> =>
      body(new Transaction(fixedRoute(inside.session, inside.txId, inside.limits)));
    return await call(this, options, (nodes) => inTransaction(nodes, run, options));
  }

  /**
   * Sends the daemon a CONTROL command with its arguments: `["quota", "7"]`.
   *
   * @returns the reply's text.
   * @throws {XenstoreError} EACCES unless the client is privileged; EINVAL for an unknown command.
   */
  async control(words: string | readonly string[], options: CallOptions = {}): Promise<string> {
    const strings = [words].flat().map((text) => wirePath("control", text));
    return fromByteText(await this.#ask(MessageType.CONTROL, "control", strings, options));
  }

  /** The path of a domain's home, `/local/domain/<domid>`, whether it exists or not. */
  async getDomainPath(domid: number, options: CallOptions = {}): Promise<string> {
    return await this.#ask(MessageType.GET_DOMAIN_PATH, "get_domain_path", [domid], options);
  }

  /**
   * Tells the daemon of a domain: its ring's frame (unused by today's daemons) and the event
   * channel port that the domain listens on.
   */
  async introduce(
    domid: number,
    frame: bigint | number,
    port: number,
    options: CallOptions = {},
  ): Promise<void> {
    await this.#ask(MessageType.INTRODUCE, "introduce", [domid, frame, port], options);
  }

  /** Ends a domain's connection, as at its death. */
  async release(domid: number, options: CallOptions = {}): Promise<void> {
    await this.#ask(MessageType.RELEASE, "release", [domid], options);
  }

  /** Tells the daemon that a domain runs again: its next shutdown is announced again. */
  async resume(domid: number, options: CallOptions = {}): Promise<void> {
    await this.#ask(MessageType.RESUME, "resume", [domid], options);
  }

  /** Gives `domid` the rights of `target` beside its own, as a device model needs them. */
  async setTarget(domid: number, target: number, options: CallOptions = {}): Promise<void> {
    await this.#ask(MessageType.SET_TARGET, "set_target", [domid, target], options);
  }

  /** Whether a domain has been introduced and not yet released. */
  async isDomainIntroduced(domid: number, options: CallOptions = {}): Promise<boolean> {
    const type = MessageType.IS_DOMAIN_INTRODUCED;
    return await this.#ask(type, "is_domain_introduced", [domid], options) === "T";
  }

  /** A request of NUL-terminated strings; the reply's text. */
  async #ask(
    type: number,
    operation: string,
    strings: readonly (string | number | bigint)[],
    options: CallOptions,
  ): Promise<string> {
    return await call(this, options, (nodes) => nodes.ask(type, operation, ...strings.map(String)));
  }

  /** The server features (xs_wire.h) offered to this client, or to the domain. */
  async getFeature(domid?: number, options: CallOptions = {}): Promise<number> {
    const strings = domid === undefined ? [] : [domid];
    return Number(await this.#ask(MessageType.GET_FEATURE, "get_feature", strings, options));
  }

  /** Limits the features offered to a domain that is not introduced yet. */
  async setFeature(domid: number, features: number, options: CallOptions = {}): Promise<void> {
    await this.#ask(MessageType.SET_FEATURE, "set_feature", [domid, features], options);
  }

  /** The names of the quotas that the daemon knows. */
  async quotaNames(options: CallOptions = {}): Promise<string[]> {
    const names = await this.#ask(MessageType.GET_QUOTA, "get_quota", [], options);
    return names.split(" ").filter((name) => name !== "");
  }

  /** A quota's value for new domains, or for one domain; 0 means unlimited. */
  async getQuota(name: string, domid?: number, options: CallOptions = {}): Promise<number> {
    const strings = [...(domid === undefined ? [] : [domid]), toByteText(name)];
    return Number(await this.#ask(MessageType.GET_QUOTA, "get_quota", strings, options));
  }

  /** Sets a quota for new domains, or for one domain; 0 means unlimited. */
  async setQuota(
    name: string,
    value: number,
    domid?: number,
    options: CallOptions = {},
  ): Promise<void> {
    const strings = [...(domid === undefined ? [] : [domid]), toByteText(name), value];
    await this.#ask(MessageType.SET_QUOTA, "set_quota", strings, options);
  }

  /** Drops all watches and transactions of this connection; watches end as if left. */
  async resetWatches(options: CallOptions = {}): Promise<void> {
    await this.#ask(MessageType.RESET_WATCHES, "reset_watches", [""], options);
    this.#link.endResidents();
  }

  /** Closes the connection; the daemon drops its watches and transactions. Idempotent. */
  close(): void {
    this.#link.close();
  }

  /** As {@link Client.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** As {@link Client.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}
