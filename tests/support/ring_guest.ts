import { concat } from "@std/bytes/concat";
import { assert, assertEquals } from "@std/assert";
import type { GuestRing } from "../../lib/transport/ring.ts";
import { decodeHeader, emptyHeader, encodeMessage, HEADER_SIZE } from "../../lib/wire/header.ts";
import { MessageType, messageTypeName } from "../../lib/wire/message_type.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import type { Random } from "./random.ts";

/** Nodes that one guest has, by their path below its home. */
export type Nodes = ReadonlyMap<string, string>;

interface Request {
  readonly reqId: number;
  readonly type: number;
  readonly txId: number;
  readonly path: string;
  readonly value: string;
  /** How many lives the daemon had had when it was sent. */
  readonly life: number;
}

/** A node written, or (null) removed with all below. */
type Change = readonly [path: string, value: string | null];

interface OpenTransaction {
  id: number;
  /** The life in which START was sent, and in which its reply came. */
  readonly sentIn: number;
  readonly changes: Change[];
  startedIn: number;
  ending: boolean;
}

const { READ, WRITE, RM, TRANSACTION_START, TRANSACTION_END, WATCH } = MessageType;
const { WATCH_EVENT, ERROR } = MessageType;

/** Requests that wait for their answers at a time. */
const PIPELINE = 5;

/**
 * A guest that knows what its ring must say: each request's one reply, in order, with the value
 * that its own earlier requests gave. It must never notice that the daemon died, but by EAGAIN
 * at the end of a transaction.
 */
export class RingGuest {
  readonly domid: number;
  /** What its answered requests have left in the store. */
  readonly #nodes = new Map<string, string>();
  readonly #waiting: Request[] = [];
  readonly #ring: Pick<GuestRing, "read" | "write">;
  readonly #random: Random;
  #unsent = new Uint8Array(0);
  #received = new Uint8Array(0);
  #reqId = 0;
  #transaction: OpenTransaction | null = null;
  #transactionIdLast = 0;
  /** How many events have come, by token. */
  readonly events = new Map<string, number>();
  replies = 0;
  lost = 0;
  committed = 0;

  /** A client on a socket, which shares its home with others, has its nodes below `top`. */
  constructor(
    domid: number,
    ring: Pick<GuestRing, "read" | "write">,
    random: Random,
    private readonly top = "",
  ) {
    this.domid = domid;
    this.#ring = ring;
    this.#random = random;
  }

  /** Whether all its requests have been answered. */
  get quiet(): boolean {
    return this.#waiting.length === 0 && this.#unsent.length === 0;
  }

  get inTransaction(): boolean {
    return this.#transaction !== null;
  }

  /** Registers a watch; to be called before anything else. */
  watch(path: string, token: string): void {
    this.#send(WATCH, path, `${token}\0`, 0, 0);
  }

  /** Writes a node that is not its own, by its absolute path. */
  write(path: string, value: string, life: number): void {
    this.#send(WRITE, path, value, 0, life);
  }

  /** Perhaps thinks of a request more. `life` counts the daemon's. */
  act(life: number, finish = false): void {
    const random = this.#random;
    if (this.#waiting.length >= PIPELINE) return;
    const transaction = this.#transaction;
    if (transaction !== null) {
      if (transaction.id !== 0 && !transaction.ending) this.#actWithin(transaction, life, finish);
      return;
    }
    if (finish) return;
    if (random.chance(0.15)) {
      this.#transaction = { id: 0, sentIn: life, changes: [], startedIn: 0, ending: false };
      this.#send(TRANSACTION_START, "", "", 0, life);
    } else {
      this.#node(0, life);
    }
  }

  #actWithin(transaction: OpenTransaction, life: number, finish: boolean): void {
    if (!finish && this.#random.chance(0.7)) return this.#node(transaction.id, life);
    transaction.ending = true;
    this.#send(TRANSACTION_END, "T", "", transaction.id, life);
  }

  #node(txId: number, life: number): void {
    const random = this.#random;
    const path = `data/${random.pick(["a", "b", "c/d", "c"])}`;
    const dice = random.next();
    if (dice < 0.3) return this.#send(READ, path, "", txId, life);
    if (dice < 0.4) return this.#send(RM, path, "", txId, life);
    const value = `${this.#reqId}`.padEnd(random.chance(0.1) ? random.below(1500) : 0, "v");
    this.#send(WRITE, path, value, txId, life);
  }

  #send(type: number, path: string, value: string, txId: number, life: number): void {
    const reqId = ++this.#reqId;
    this.#waiting.push({ reqId, type, txId, path, value, life });
    const isNode = (type === READ || type === WRITE || type === RM) && !path.startsWith("/");
    const payload = `${isNode ? this.top : ""}${path}\0${value}`;
    const bytes = encodeMessage(type, reqId, txId, toBytes(payload));
    this.#unsent = concat([this.#unsent, bytes]);
    this.flush();
  }

  /** Puts into the ring what fits. */
  flush(): void {
    if (this.#unsent.length === 0) return;
    const count = this.#ring.write(this.#unsent, 0, this.#unsent.length);
    assert(count >= 0, `domain ${this.domid} finds the indices of its requests broken`);
    this.#unsent = this.#unsent.slice(count);
  }

  /** Takes at most `most` bytes out of the ring and checks them; returns how many there were. */
  receive(life: number, most = 4096): number {
    const buffer = new Uint8Array(most);
    const count = this.#ring.read(buffer, 0, most);
    assert(count >= 0, `domain ${this.domid} finds the indices of its responses broken`);
    if (count === 0) return 0;
    this.#received = concat([this.#received, buffer.subarray(0, count)]);
    for (let size = this.#wholeSize(); size > 0; size = this.#wholeSize()) {
      const header = decodeHeader(this.#received, 0, emptyHeader());
      const text = toText(this.#received, HEADER_SIZE, size);
      this.#received = this.#received.slice(size);
      if (header.type === WATCH_EVENT) this.#event(text);
      else this.#reply(header.type, header.reqId, header.txId, text, life);
    }
    return count;
  }

  #wholeSize(): number {
    if (this.#received.length < HEADER_SIZE) return 0;
    const size = HEADER_SIZE + decodeHeader(this.#received, 0, emptyHeader()).len;
    assert(size <= HEADER_SIZE + 4096, `domain ${this.domid} gets no whole messages`);
    return size <= this.#received.length ? size : 0;
  }

  #event(text: string): void {
    const [path, token, ...rest] = text.split("\0");
    assertEquals(rest, [""], `an event for domain ${this.domid}`);
    assert(path!.length > 0 && /^[a-z]+$/.test(token!), `event ${text} for domain ${this.domid}`);
    this.events.set(token!, (this.events.get(token!) ?? 0) + 1);
  }

  #reply(type: number, reqId: number, txId: number, text: string, life: number): void {
    const request = this.#waiting.shift();
    const who = `domain ${this.domid}, request ${request?.reqId}`;
    assertEquals([reqId, txId], [request?.reqId, request?.txId], `${who}: reply of another`);
    this.replies++;
    const what = `${who}, ${messageTypeName(request!.type)} ${request!.path}`;
    if (type !== ERROR) assertEquals(type, request!.type, what);
    this.#judge(request!, type === ERROR ? text.slice(0, -1) : null, text, life, what);
  }

  #judge(request: Request, error: string | null, text: string, life: number, what: string): void {
    const { path, txId, type, value } = request;
    const mayBeLost = txId !== 0 && this.#transaction!.sentIn !== life;
    // A lost transaction tells nothing that it can't know.
    if (mayBeLost && error === "EAGAIN" && (type === READ || type === RM)) return;
    switch (type) {
      case READ: {
        const wanted = this.#value(path, txId);
        return assertEquals(error ?? text, wanted ?? "ENOENT", what);
      }
      case WRITE:
        assertEquals(error, null, what);
        return path.startsWith("/") ? undefined : this.#change(path, value, txId);
      case RM:
        assert(error === null || error === "ENOENT", `${what}: ${error}`);
        return this.#change(path, null, txId);
      case TRANSACTION_START:
        return this.#started(error, text, life, what);
      case TRANSACTION_END:
        return this.#ended(request, error, life, what);
      default:
        assertEquals(error, null, what);
    }
  }

  #started(error: string | null, text: string, life: number, what: string): void {
    assertEquals(error, null, what);
    const id = parseInt(text);
    assert(id > this.#transactionIdLast, `${what}: id ${id} is given again`);
    this.#transactionIdLast = id;
    this.#transaction!.id = id;
    this.#transaction!.startedIn = life;
  }

  #ended(request: Request, error: string | null, life: number, what: string): void {
    const { changes, sentIn, startedIn } = this.#transaction!;
    this.#transaction = null;
    if (error !== null) {
      assertEquals(error, "EAGAIN", what);
      assert(sentIn !== life, `${what}: EAGAIN although the daemon has lived all the time`);
      this.lost++;
      return;
    }
    assert(startedIn === request.life, `${what}: committed across a death of the daemon`);
    this.committed++;
    for (const [path, value] of changes) this.#change(path, value, 0);
  }

  #value(path: string, txId: number): string | undefined {
    return apply(this.#nodes, txId === 0 ? [] : this.#transaction!.changes).get(path);
  }

  #change(path: string, value: string | null, txId: number): void {
    if (txId === 0) changeIn(this.#nodes, path, value);
    else this.#transaction!.changes.push([path, value]);
  }

  /** Fails unless `nodes` is what its requests up to one of those in flight have left. */
  assertPossible(nodes: Nodes): void {
    const candidates = [show(this.#nodes)];
    const now = new Map(this.#nodes);
    const within = [...this.#transaction?.changes ?? []];
    for (const { path, txId, type, value } of this.#waiting) {
      if (type === TRANSACTION_END) candidates.push(show(apply(now, within)));
      if (type !== WRITE && type !== RM || path.startsWith("/")) continue;
      const left = type === WRITE ? value : null;
      if (txId === 0) changeIn(now, path, left);
      else within.push([path, left]);
      candidates.push(show(now));
    }
    const found = show(nodes);
    const wanted = candidates.join(" or ");
    assert(candidates.includes(found), `domain ${this.domid} has ${found} instead of ${wanted}`);
  }
}

/** Removals take all below along; writes make the parents. */
function changeIn(nodes: Map<string, string>, path: string, value: string | null): void {
  if (value === null) {
    nodes.delete(path);
    return forgetBelow(nodes, path);
  }
  if (path === "data/c/d" && !nodes.has("data/c")) nodes.set("data/c", "");
  nodes.set(path, value);
}

function forgetBelow(nodes: Map<string, string>, path: string): void {
  for (const below of [...nodes.keys()]) if (below.startsWith(`${path}/`)) nodes.delete(below);
}

function apply(nodes: Nodes, changes: readonly Change[]): Map<string, string> {
  const after = new Map(nodes);
  for (const [path, value] of changes) changeIn(after, path, value);
  return after;
}

function show(nodes: Nodes): string {
  return JSON.stringify([...nodes].sort());
}
