import type { Header } from "../wire/header.ts";
import {
  EACCES,
  EINVAL,
  ENOENT,
  ENOSPC,
  ENOSYS,
  ERROR_NAMES,
  type ErrorCode,
  errorPayload,
  OK,
} from "../wire/errors.ts";
import { MessageType } from "../wire/message_type.ts";
import { Call } from "./request.ts";
import type { Connection } from "./connection.ts";
import type { ConnectionSpec } from "./connection_base.ts";
import type { Counters } from "./counters.ts";
import { changedDomains, settleDeaths } from "./domain_deaths.ts";
import type { DomainLogBudgets } from "./domain_log_budget.ts";
import { estimate } from "./request_estimate.ts";
import type { Meter } from "./work_meter.ts";
import { limitOldVersions } from "./old_versions_limit.ts";
import type { MalformedMessages } from "./malformed_messages.ts";
import {
  OPERATIONS,
  type Operations,
  READ_ONLY_OPERATIONS,
  READER_OPERATIONS,
} from "./operation_table.ts";
import { inLostTransaction } from "./operations/lost_transaction.ts";
import { DONE, HELD, LATER, type Outcome, Registered } from "./operations/outcome.ts";
import { ERASE_UNITS_PER_TURN, EVENTS_PER_REQUEST_MAX } from "../limits.ts";
import { type EngineOptions, State } from "./state.ts";
import { eventPath } from "./watches.ts";

/**
 * What became of a request: it was handled; it is deferred until it can be, while others
 * behind it are; or it has to wait with all behind it.
 */
export type Handled = "done" | "deferred" | "held";

/**
 * The store and its rules, without any I/O or clock of its own: what comes in as requests goes
 * out through the connections' outboxes, in the order in which the clients must see it.
 *
 * @example One request
 * ```ts
 * import { Engine } from "./engine.ts";
 *
 * const engine = new Engine({
 *   domains: { info: () => null, open: () => 8, reset: () => {}, close: () => {} },
 * });
 * const outbox = {
 *   reply: (type: number) => console.assert(type === 6),
 *   event: () => {},
 * };
 * const client = engine.connect({ kind: "socket", domid: 0, label: "example", outbox });
 * engine.handle(client, { type: 6, reqId: 1, txId: 0, len: 0 }, new Uint8Array(0), 0);
 * ```
 */
export class Engine {
  readonly state: State;
  /** Counts what requests cost. */
  readonly meter: Meter;
  readonly #call: Call;
  readonly #operations: Operations;

  constructor(options: EngineOptions) {
    this.#operations = options.readOnly === true ? READ_ONLY_OPERATIONS : OPERATIONS;
    this.state = new State(options);
    this.meter = this.state.meter;
    this.#call = new Call(this.state);
  }

  /** About what a request will cost; see {@link estimate}. */
  estimate(connection: Connection, header: Header, bytes: Uint8Array, from: number): number {
    return estimate(connection, header, bytes, from, this.state.commits !== null);
  }

  /** Takes up a new client. */
  connect(spec: ConnectionSpec): Connection {
    return this.state.connect(spec);
  }

  /** Drops a client with its watches and transactions; a second time does nothing. */
  disconnect(connection: Connection): void {
    this.state.disconnect(connection);
  }

  /**
   * Handles one request: exactly one reply goes to the connection's outbox, after the events it
   * caused (WATCH: before its first event). `payload` need only be valid during the call; `now`
   * is in ms. The order of checks is that of C xenstored (reference section 1.4). Anything but
   * "done" says that the request has to wait, unhandled, until {@link tick} says to try it again.
   */
  handle(connection: Connection, header: Header, payload: Uint8Array, now: number): Handled {
    const { type, reqId, txId } = header;
    const { liveUpdate } = this.state;
    if (liveUpdate.parking) {
      const verdict = liveUpdate.admit(connection, header);
      if (verdict !== "handle") return verdict;
    }
    const call = this.#call;
    call.connection = connection;
    call.payload = payload;
    call.now = now;
    this.state.now = now;
    call.reqId = reqId;
    call.txId = txId;
    call.transaction = null;
    const { events } = this.state;
    const { commits } = this.state;
    commits?.begin();
    if (!connection.privileged) events.limit();
    const outcome = this.#run(call, type, txId);
    commits?.request(connection, type);
    call.forget();
    if (!connection.privileged && events.endLimit()) this.#tellOfCut(connection, now);
    // The outbox as it is now: a domain that releases itself is not answered.
    const { outbox } = connection;
    if (outcome === HELD) return "held";
    this.state.counters.requests++;
    connection.account?.counts.request(type, typeof outcome === "number" ? outcome : OK);
    if (outcome === LATER) return "done";
    if (connection.wait !== null && connection.wait.waits) connection.wait.end(now);
    if (typeof outcome === "number") {
      if (outcome === EINVAL || outcome === ENOSYS) this.#noteMalformed(call, type, outcome);
      outbox.reply(MessageType.ERROR, reqId, txId, errorPayload(outcome));
    } else if (outcome instanceof Registered) {
      const { watch } = outcome;
      outbox.reply(type, reqId, txId, DONE);
      outbox.event(eventPath(watch, watch.path), watch.token);
    } else {
      outbox.reply(type, reqId, txId, outcome);
    }
    if (!connection.privileged) this.state.memoryReports.look(connection, now);
    if (this.state.versions.snapshots.takeGrown()) limitOldVersions(this.state, now);
    return "done";
  }

  #noteMalformed(
    { connection, now, payload, reqId, txId }: Call,
    type: number,
    error: ErrorCode,
  ): void {
    const header = { type, reqId, txId, len: payload.length };
    this.state.malformed.note(connection, ERROR_NAMES[error - 1]!, header, payload, now);
  }

  /** The malformed messages of clients. */
  get malformed(): MalformedMessages {
    return this.state.malformed;
  }

  #tellOfCut({ domid, label }: Connection, now: number): void {
    const most = EVENTS_PER_REQUEST_MAX;
    const text = (): string =>
      `${label}: watch events dropped: one request led to more than ${most} for guests`;
    this.state.tell("warning", domid, now, text);
  }

  /** What the log takes of the lines that clients cause, each at its domain's expense. */
  get logBudgets(): DomainLogBudgets {
    return this.state.logBudgets;
  }

  /** What is counted of the daemon as a whole. */
  get counters(): Counters {
    return this.state.counters;
  }

  /** Whether {@link tick} has something to do without waiting. */
  get due(): boolean {
    const { erasures, liveUpdate, reservations } = this.state;
    return liveUpdate.due || reservations.due || erasures.pending;
  }

  /** When {@link tick} must be called although nothing has come, in ms; Infinity for never. */
  get wakeAt(): number {
    const { admin, reservations } = this.state;
    const { archive, history } = admin;
    return Math.min(
      reservations.wakeAt,
      archive?.wakeAt ?? Infinity,
      history?.wakeAt ?? Infinity,
    );
  }

  /**
   * Goes on with what waits for time to pass or for others to end. True when requests that have to
   * wait must be tried again.
   */
  tick(now: number): boolean {
    this.state.now = now;
    const { erasures, liveUpdate, reservations } = this.state;
    if (erasures.pending) erasures.step(ERASE_UNITS_PER_TURN);
    const freed = reservations.look(now);
    liveUpdate.look(now);
    this.state.admin.archive?.look(now);
    this.state.admin.history?.look(now);
    return freed || !liveUpdate.parking;
  }

  #run(call: Call, type: number, txId: number): Outcome {
    const { connection } = call;
    const operation = (connection.readOnly ? READER_OPERATIONS : this.#operations)[type];
    if (operation === undefined) return ENOSYS;
    if (operation.privileged && !connection.privileged) return EACCES;
    if (operation.needsSpace && this.state.full) return ENOSPC;
    if (txId === 0 || operation.anyTransaction) return operation.handler(call);
    const transaction = connection.transactions.get(txId);
    if (transaction === undefined) return ENOENT;
    call.transaction = transaction;
    transaction.operations++;
    const done = operation.handler(call);
    const outcome = transaction.lost ? inLostTransaction(call, transaction, type, done) : done;
    if (call.transaction !== null) {
      this.state.noteWriting(transaction);
      this.state.chargeTransaction(transaction);
    }
    return outcome;
  }

  /**
   * To be called when the hypervisor says that domains changed (VIRQ_DOM_EXC): announces
   * shutdowns, and takes for dead the domains that are gone or whose domid another domain has now. What
   * they leave goes at once or, where it is much, as {@link tick} goes on.
   */
  domainsChanged(now: number = this.state.now): void {
    this.state.now = now;
    settleDeaths(this.state, changedDomains(this.state));
  }

  /** The same for all domains: what was said of their changes was said to the previous daemon. */
  checkDomains(): void {
    settleDeaths(this.state, [...this.state.domains.all()]);
  }
}
