import { MessageType, messageTypeName } from "../../lib/wire/message_type.ts";
import { toBytes, toText } from "../../lib/wire/text.ts";
import { ALLOWED, type AllowedDifference, type Difference, isCommit } from "./allowed.ts";
import { ChangeLog, parentOf } from "./change_log.ts";
import { nextStep, NO_SUCH_TRANSACTION, type Step } from "./generator.ts";
import { Random } from "../support/random.ts";
import type { Message } from "../support/message.ts";
import type { Request } from "../support/raw_client.ts";
import type { Side } from "./servers.ts";
import { ConnectionState, type OpenTransaction } from "./stream_state.ts";
import { dumpTree, treeDifference } from "../support/tree.ts";

const T = MessageType;

/** Requests that a report of a mismatch repeats. */
const REPORTED_REQUESTS = 20;

/** Steps from one comparison of both trees to the next. */
const STEPS_PER_TREE = 2000;

/** A transaction id that no server reaches in a run. */
const UNUSED_ID = 0x7ffffff0;

/** Types whose handling can queue events for any connection. */
const EVENTFUL: ReadonlySet<number> = new Set([
  T.WRITE,
  T.MKDIR,
  T.RM,
  T.SET_PERMS,
  T.TRANSACTION_END,
  T.WATCH,
  T.INTRODUCE,
  T.RELEASE,
]);

/** Types that a transaction does again when the other server had to refuse its commit. */
const CHANGES: ReadonlySet<number> = new Set([T.WRITE, T.MKDIR, T.RM, T.SET_PERMS]);

/** Types that look at a node, and so take a transaction's snapshot when they are its first. */
const NODE_TYPES: ReadonlySet<number> = new Set([
  ...CHANGES,
  T.READ,
  T.DIRECTORY,
  T.DIRECTORY_PART,
  T.GET_PERMS,
]);

/** A request that changes nothing: what was queued before its reply has arrived with it. */
const BARRIER: Request = { type: T.GET_DOMAIN_PATH, txId: 0, payload: toBytes("0\0") };

/** What one step did on one server: its reply, and the events of every connection in order. */
interface Outcome {
  readonly reply: Message;
  readonly events: readonly (readonly string[])[];
}

/** What a run went through. */
export interface Summary {
  readonly requests: number;
  readonly events: number;
  readonly trees: number;
  /** How often each allowed difference was met. */
  readonly allowed: ReadonlyMap<string, number>;
}

/** Sends one seeded stream to two servers and compares everything that comes back. */
export class Lockstep {
  readonly #random: Random;
  readonly #states: ConnectionState[];
  readonly #recent: string[] = [];
  readonly #allowed = new Map<string, number>();
  #step = 0;
  #events = 0;
  #trees = 0;
  readonly #changes = new ChangeLog();
  #nextNumber = 1;

  constructor(readonly reference: Side, readonly ours: Side, readonly seed: number) {
    this.#random = new Random(seed);
    this.#states = reference.clients.map(() => new ConnectionState());
  }

  /** Runs `requests` steps. @throws {Error} at the first difference that is not allowed */
  async run(requests: number): Promise<Summary> {
    for (this.#step = 0; this.#step < requests; this.#step++) {
      await this.#once();
      if (this.#step % STEPS_PER_TREE === STEPS_PER_TREE - 1) await this.#compareTrees();
    }
    await this.#compareTrees();
    return { requests, events: this.#events, trees: this.#trees, allowed: this.#allowed };
  }

  async #once(): Promise<void> {
    const connection = this.#random.below(this.#states.length);
    const step = this.#next(connection);
    const transaction = this.#state(connection).open.get(step.transaction) ?? null;
    this.#note(step);
    const effective = transaction === null || await this.#isEffective(step, transaction);
    const [left, right] = await Promise.all([
      this.#perform(this.reference, step, transaction?.ids[0]),
      this.#perform(this.ours, step, transaction?.ids[1]),
    ]);
    this.#events += right.events.reduce((sum, events) => sum + events.length, 0);
    const sameReply = comparable(step, left.reply) === comparable(step, right.reply);
    if (sameReply && JSON.stringify(left.events) === JSON.stringify(right.events)) {
      this.#follow(step, transaction, left.reply, right.reply, effective);
      return;
    }
    const difference: Difference = {
      step,
      transaction,
      changedSince: transaction !== null && this.#changedSince(transaction),
      pathChangedSince: transaction !== null && transaction.firstAccess !== null &&
        this.#changes.touches(parentOf(pathIn(step)), transaction.firstAccess),
      reference: left.reply,
      ours: right.reply,
      sameReply,
      onlyReference: missingEvents(left, right),
      onlyOurs: missingEvents(right, left),
    };
    const meant = ALLOWED.find((entry) => entry.applies(difference));
    if (meant === undefined || transaction === null) {
      throw this.#mismatch(left, right, transaction);
    }
    this.#allowed.set(meant.name, (this.#allowed.get(meant.name) ?? 0) + 1);
    if (meant.settlement === "go on") {
      this.#follow(step, transaction, left.reply, right.reply, effective);
      return;
    }
    await this.#settle(meant, connection, transaction);
  }

  /**
   * The next request. RM and MKDIR of what others changed since a transaction's snapshot go
   * outside it: whether they find a node, no reply tells, and the two servers may differ in it.
   */
  #next(connection: number): Step {
    const state = this.#state(connection);
    const step = nextStep(this.#random, connection, state);
    const firstAccess = state.open.get(step.transaction)?.firstAccess ?? null;
    const silent = step.type === T.RM || step.type === T.MKDIR;
    if (!silent || firstAccess === null) return step;
    return this.#changes.touches(pathIn(step), firstAccess) ? { ...step, transaction: 0 } : step;
  }

  /**
   * Whether RM in a transaction will find a node, or MKDIR none. The look at it adds nothing to
   * what the request itself makes C remember; ours, where it would, is not asked.
   */
  async #isEffective(step: Step, transaction: OpenTransaction): Promise<boolean> {
    if (step.type !== T.RM && step.type !== T.MKDIR) return true;
    const request = { type: T.READ, txId: transaction.ids[0], payload: step.payload };
    const messages = await clientOf(this.reference, step.connection).exchange(request);
    return (replyOf(messages, 0).type === T.READ) === (step.type === T.RM);
  }

  async #perform(side: Side, step: Step, id: number | undefined): Promise<Outcome> {
    try {
      return await perform(side, step, id);
    } catch (cause) {
      throw new Error(`${this.#where()}\n${side.name} gave no answer: ${side.output()}`, { cause });
    }
  }

  #state(connection: number): ConnectionState {
    const state = this.#states[connection];
    if (state === undefined) throw new Error(`no connection ${connection}`);
    return state;
  }

  #changedSince(transaction: OpenTransaction): boolean {
    return transaction.firstAccess !== null && this.#changes.since(transaction.firstAccess);
  }

  /** Takes over what an equal outcome means for the stream. */
  #follow(
    step: Step,
    transaction: OpenTransaction | null,
    left: Message,
    right: Message,
    effective: boolean,
  ): void {
    const state = this.#state(step.connection);
    if (transaction !== null && NODE_TYPES.has(step.type)) transaction.firstAccess ??= this.#step;
    if (step.type === T.TRANSACTION_END && transaction !== null && left.text !== "EINVAL\0") {
      state.open.delete(transaction.number);
      if (left.type !== T.ERROR && isCommit(step)) this.#noteCommit(transaction);
    }
    if (left.type === T.ERROR) return;
    if (CHANGES.has(step.type)) {
      if (transaction === null) this.#changes.add(this.#step, pathIn(step));
      else if (effective) {
        transaction.changes.push({ type: step.type, txId: 0, payload: step.payload });
      }
    } else if (step.type === T.TRANSACTION_START) {
      const number = this.#nextNumber++;
      const ids = [parseInt(left.text), parseInt(right.text)] as const;
      state.open.set(number, { number, ids, firstAccess: null, changes: [] });
    } else if (step.type === T.RESET_WATCHES) {
      state.reset();
    } else if (step.type === T.WATCH || step.type === T.UNWATCH) {
      this.#followWatch(step, state);
    }
  }

  #noteCommit(transaction: OpenTransaction): void {
    for (const change of transaction.changes) this.#changes.add(this.#step, pathIn(change));
  }

  #followWatch(step: Step, state: ConnectionState): void {
    const [path = "", token = ""] = toText(step.payload).split("\0");
    if (step.type === T.WATCH) state.watches.push([path, token]);
    else state.watches = state.watches.filter(([p, t]) => p !== path || t !== token);
  }

  /** Brings both servers to the same state again behind an allowed difference. */
  async #settle(
    meant: AllowedDifference,
    connection: number,
    transaction: OpenTransaction,
  ): Promise<void> {
    this.#state(connection).open.delete(transaction.number);
    if (meant.settlement === "abort on both") {
      const payload = toBytes("F\0");
      for (const [i, side] of [this.reference, this.ours].entries()) {
        const txId = transaction.ids[i] ?? 0;
        await clientOf(side, connection).exchange({ type: T.TRANSACTION_END, txId, payload });
      }
      return;
    }
    const side = meant.settlement === "replay on ours" ? this.ours : this.reference;
    if (transaction.changes.length > 0) {
      await clientOf(side, connection).exchange(...transaction.changes);
      for (const client of side.clients) await client.exchange(BARRIER);
      this.#noteCommit(transaction);
    }
    await this.#compareTrees();
  }

  async #compareTrees(): Promise<void> {
    this.#trees++;
    const [left, right] = await Promise.all([
      dumpTree(clientOf(this.reference, 0)),
      dumpTree(clientOf(this.ours, 0)),
    ]);
    const lines = treeDifference(left, right);
    if (lines.length === 0) return;
    throw new Error(`${this.#where()}\nthe trees differ:\n${lines.join("\n")}`);
  }

  #note(step: Step): void {
    this.#recent.push(`${this.#step}: ${describe(step)}`);
    if (this.#recent.length > REPORTED_REQUESTS) this.#recent.shift();
  }

  #where(): string {
    const replay = `XS_SEED=${this.seed} XS_DIFF_REQUESTS=${this.#step + 1}`;
    return `seed ${this.seed}, step ${this.#step} (replay with ${replay}); latest requests:\n` +
      this.#recent.join("\n");
  }

  #mismatch(left: Outcome, right: Outcome, transaction: OpenTransaction | null): Error {
    const changes = (transaction?.changes ?? []).map(({ type, payload }) =>
      `${messageTypeName(type)} ${JSON.stringify(toText(payload.subarray(0, 80)))}`
    );
    return new Error(
      `${this.#where()}\n` +
        (changes.length === 0 ? "" : `the transaction's changes: ${changes.join(", ")}\n`) +
        `${this.reference.name} answered ${showOutcome(left)}\n` +
        `${this.ours.name} answered ${showOutcome(right)}`,
    );
  }
}

function clientOf(side: Side, connection: number): Side["clients"][number] {
  const client = side.clients[connection];
  if (client === undefined) throw new Error(`no connection ${connection}`);
  return client;
}

/** Sends the step, waits for its reply and for all events that it caused. */
async function perform(side: Side, step: Step, id: number | undefined): Promise<Outcome> {
  const txId = step.transaction === NO_SUCH_TRANSACTION ? UNUSED_ID : id ?? 0;
  const request = { type: step.type, txId, payload: step.payload };
  const client = clientOf(side, step.connection);
  if (!EVENTFUL.has(step.type)) {
    return { reply: replyOf(await client.exchange(request), 0), events: [] };
  }
  const own = await client.exchange(request, BARRIER);
  const reply = replyOf(own, 0);
  const events = await Promise.all(side.clients.map(async (other, i) => {
    if (i !== step.connection) return eventsOf(await other.exchange(BARRIER));
    const replied = own.indexOf(reply);
    return [...eventsOf(own.slice(0, replied)), "(reply)", ...eventsOf(own.slice(replied))];
  }));
  return { reply, events };
}

/** The first string of a payload. */
function pathIn({ payload }: { readonly payload: Uint8Array }): string {
  const nul = payload.indexOf(0);
  return toText(payload, 0, nul < 0 ? payload.length : nul);
}

function replyOf(messages: readonly Message[], index: number): Message {
  const reply = messages.filter((message) => message.type !== T.WATCH_EVENT)[index];
  if (reply === undefined) throw new Error("no reply among the messages");
  return reply;
}

function eventsOf(messages: readonly Message[]): string[] {
  return messages.filter((message) => message.type === T.WATCH_EVENT).map((event) => event.text);
}

/** The events that a connection got in `left` and not, or not as often, in `right`. */
function missingEvents(left: Outcome, right: Outcome): string[] {
  return left.events.flatMap((events, i) => {
    const unmatched = [...right.events[i] ?? []];
    return events.filter((event) => {
      const at = unmatched.indexOf(event);
      if (at >= 0) unmatched.splice(at, 1);
      return at < 0;
    });
  });
}

/** The reply as far as the two servers must agree on it. */
function comparable(step: Step, reply: Message): string {
  if (reply.type === T.TRANSACTION_START) return "a transaction id";
  const text = step.type === T.DIRECTORY_PART && reply.type === T.DIRECTORY_PART
    ? reply.text.slice(reply.text.indexOf("\0"))
    : reply.text;
  return `${reply.type} ${text}`;
}

function describe(step: Step): string {
  const transaction = step.transaction === 0 ? "" : ` in transaction ${step.transaction}`;
  const payload = JSON.stringify(toText(step.payload.subarray(0, 80)));
  return `connection ${step.connection}: ${messageTypeName(step.type)} ${payload}${transaction}`;
}

function showOutcome(outcome: Outcome): string {
  const { type, text } = outcome.reply;
  return `${messageTypeName(type)} ${JSON.stringify(text.slice(0, 200))}, events ` +
    JSON.stringify(outcome.events);
}
