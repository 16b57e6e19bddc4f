import type { ClientProcess } from "../../lib/engine/author.ts";
import type { Connection } from "../../lib/engine/connection.ts";
import type { ConnectionKind } from "../../lib/engine/connection_base.ts";
import { Engine, type Handled } from "../../lib/engine/engine.ts";
import type { Dirty } from "../../lib/engine/dirty.ts";
import type { Log } from "../../lib/engine/state.ts";
import { subtree } from "../../lib/store/lookup.ts";
import { formatPerms } from "../../lib/store/perms.ts";
import { MessageType, messageTypeName } from "../../lib/wire/message_type.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import type { Random } from "./random.ts";

/** How a client of an engine is connected, where it is not the usual way. */
export interface ClientOptions {
  readonly kind?: ConnectionKind;
  readonly label?: string;
  readonly key?: number;
  readonly readOnly?: boolean;
  readonly process?: ClientProcess;
}

/** A client that keeps its latest reply as text. */
export class Client {
  /** The type's name and the payload. */
  reply = "";
  /** The payload alone, and whether it is an error. */
  text = "";
  isError = false;
  /** Paths and tokens of the events that came, each as text, until somebody takes them out. */
  readonly events: string[] = [];
  readonly connection: Connection;

  constructor(readonly engine: Engine, domid: number, options: ClientOptions = {}) {
    const { key = -1, readOnly = false, kind = domid === 0 ? "socket" : "ring" } = options;
    this.connection = engine.connect({
      kind,
      domid,
      label: options.label ?? `client of ${domid}`,
      key,
      readOnly,
      ...(options.process === undefined ? {} : { process: options.process }),
      outbox: {
        reply: (type, _reqId, _txId, payload) => {
          this.text = toText(payload);
          this.reply = `${messageTypeName(type)} ${this.text}`;
          this.isError = type === MessageType.ERROR;
        },
        event: (path, token) => this.events.push(`${path} ${token}`),
      },
    });
  }

  /** What becomes of a request at `now`, in ms. */
  handle(type: number, payload: string, txId = 0, now = 0): Handled {
    const bytes = toBytes(payload);
    const header = { type, reqId: 1, txId, len: bytes.length };
    return this.engine.handle(this.connection, header, bytes, now);
  }

  /** The reply as text; `held` when the request has to wait: then nothing has happened. */
  ask(type: number, payload: string, txId = 0): string {
    const handled = this.handle(type, payload, txId);
    return handled === "done" ? this.reply : handled;
  }
}

/** An engine with some shared nodes, known to domains 1 and 2. */
export function newEngine(dirty?: Dirty, log: Log = () => {}): Engine {
  const info = (domid: number): { domid: number; state: number; uniqueId: bigint } | null =>
    domid < 4 ? { domid, state: 1, uniqueId: BigInt(domid) } : null;
  const engine = new Engine({
    domains: { info, open: () => 8, reset: () => {}, close: () => {} },
    log,
    ...(dirty === undefined ? {} : { dirty }),
  });
  for (const domid of [1, 2]) engine.state.domains.know(domid);
  const setUp = new Client(engine, 0);
  for (const [path, perms] of [["/a", "b0\0b1"], ["/b", "n0\0r1\0b2"], ["/a/b", "n1\0r2"]]) {
    setUp.ask(MessageType.MKDIR, `${path}\0`);
    setUp.ask(MessageType.SET_PERMS, `${path}\0${perms}\0`);
  }
  return engine;
}

function randomPath(random: Random): string {
  let path = "";
  const depth = 1 + random.below(3);
  for (let i = 0; i < depth; i++) path += `/${random.pick(["a", "b", "c"])}`;
  return path;
}

/** One node operation on few enough paths that clients often meet. */
export function randomRequest(random: Random): [type: number, payload: string] {
  const path = randomPath(random);
  const dice = random.next();
  if (dice < 0.25) return [MessageType.READ, `${path}\0`];
  if (dice < 0.35) return [MessageType.DIRECTORY, `${path}\0`];
  if (dice < 0.42) return [MessageType.GET_PERMS, `${path}\0`];
  if (dice < 0.70) return [MessageType.WRITE, `${path}\0v${random.below(3)}`];
  if (dice < 0.80) return [MessageType.MKDIR, `${path}\0`];
  if (dice < 0.93) return [MessageType.RM, `${path}\0`];
  const perms = random.pick(["n0", "b0\0r1", "n1\0b2", "r1", "n0\0n1\0b2"]);
  return [MessageType.SET_PERMS, `${path}\0${perms}\0`];
}

/** The whole tree as text, a node a line. */
export function treeOf(engine: Engine): string {
  const lines: string[] = [];
  for (const [path, node] of subtree(engine.state.tree.root)) {
    lines.push(`${path} ${toText(node.value)} ${formatPerms(node.perms)}`);
  }
  // Merging keeps each directory's order of creation, which may differ from the serial one's.
  return lines.sort().join("\n");
}
