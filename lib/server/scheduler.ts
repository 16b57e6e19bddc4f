import { Counters } from "../engine/counters.ts";
import { DomainLogBudgets } from "../engine/domain_log_budget.ts";
import {
  type Meter,
  READ_UNITS,
  SEND_UNITS,
  SOCKET_READ_UNITS,
  SOCKET_SEND_UNITS,
  UNITS_PER_MS,
} from "../engine/work_meter.ts";
import type { Connection } from "../engine/connection.ts";
import type { Header } from "../wire/header.ts";
import type { Journal } from "../journal/journal.ts";
import {
  ARCHIVE_SLICE_MS,
  IDLE_UNITS_PER_MS,
  LOOK_UNITS,
  OUTPUT_STALL_BYTES,
  OUTPUT_STALL_BYTES_WHILE_FULL,
  PREPAID_UNITS_MIN,
  QUIET_STEP_UNITS,
  STEP_UNITS_MIN,
  TURN_SPREAD_UNITS,
  TURN_UNITS,
} from "../limits.ts";
import { EventExpiry } from "./peer/event_expiry.ts";
import { noteEnd } from "./peer/malformed_end.ts";
import type { Maintained } from "./history/daemon_history.ts";
import { type Log, stackOf } from "./logging/log.ts";
import type { LogLevel } from "./logging/log_format.ts";
import type { OutstandingRequests } from "./peer/outstanding_requests.ts";
import type { Peer } from "./peer/peer.ts";
import type { GoneReason, PeerHost, RequestHandler } from "./peer/peer_host.ts";
import type { Trace } from "./logging/trace.ts";
import { MessageStream } from "./stream/message_stream.ts";
import { Arrivals } from "./loop/arrivals.ts";
import { ReadyQueue } from "./loop/ready_queue.ts";
import { JobContender, type TurnJob } from "./loop/turn_job.ts";
import type { MalformedMessages } from "../engine/malformed_messages.ts";
import { TurnTimes } from "./loop/turn_times.ts";

/** What the turn asks of the engine. */
export interface TurnHandler extends RequestHandler {
  /** About what the request at `from` will cost, in units, if that is known before and may be much; else 0. */
  estimate(connection: Connection, header: Header, bytes: Uint8Array, from: number): number;
  /** Counts what requests cost. */
  readonly meter: Meter;
  /** Looks again at the domains it knows, some of which have changed. */
  domainsChanged(now: number): void;
  /** Whether {@link tick} has something to do now. */
  readonly due: boolean;
  /** When {@link tick} must be called although nothing has come, in ms; Infinity for never. */
  readonly wakeAt: number;
  /** Goes on with what was waiting; true when requests that have to wait must be tried again. */
  tick(now: number): boolean;
  /** What the log takes of lines that clients cause: the engine's, shared with it. */
  readonly logBudgets?: DomainLogBudgets;
  /** Where messages that cannot be handled are kept: the engine's. */
  readonly malformed?: MalformedMessages;
  /** What is counted: the engine's, shared with it. */
  readonly counters?: Counters;
}

/**
 * The turn: ready peers are stepped, the one that has used least first, until its units are used up; the
 * journal commits once, and only then do the replies and events of all peers leave. It knows no
 * clock and no file descriptor, so that tests can turn it by hand; the loop turns it for the daemon.
 */
export class Turns implements PeerHost<Peer> {
  readonly handler: TurnHandler;
  readonly meter: Meter;
  readonly trace: Trace;
  readonly stream: MessageStream;
  /** See {@link PeerHost.unitsLeft}. */
  unitsLeft = 0;
  cause: OutstandingRequests | null = null;
  /** How long turns take, and their parts. */
  readonly times: TurnTimes;
  readonly #journal: Journal;
  readonly #log: Log;
  readonly #counters: Counters;
  readonly #logBudgets: DomainLogBudgets;
  readonly #queue = new ReadyQueue<Peer | JobContender>();
  readonly #arrivals = new Arrivals(this.#queue);
  /** When the last turn began. */
  #servedAt = 0;
  /** When to look next for quiet clients, in units of this turn; Infinity for not any more. */
  #lookAt = 0;
  /** Whether a quiet client has come in the middle of this turn: busy ones then wait until its answer has left. */
  #quietCame = false;
  #unflushed: Peer[] = [];
  #flushed: Peer[] = [];
  #domainsChanged = false;
  /** Peers whose next request was refused for the time being. */
  #waiting: Peer[] = [];
  #tickDue = false;
  #held = false;
  #turning = false;
  readonly expiry: EventExpiry = new EventExpiry();
  #now = 0;
  /** Called when a peer ended by itself; its owner cleans up behind it. */
  onGone: (peer: Peer, reason: GoneReason) => void = () => {};
  /** Called when there is something to do although no turn is under way: wakes the loop. */
  onPending: () => void = () => {};
  /** Asks the kernel for new requests, and makes their clients {@link ready}. */
  look: () => void = () => {};
  /** Turns so far, and the units of work that clients have used. */
  count = 0;
  units = 0;
  /** Called once behind the next turn whose output has left. */
  onSettled: (() => void) | null = null;

  constructor(
    handler: TurnHandler,
    journal: Journal,
    trace: Trace,
    log: Log,
    private readonly history: Maintained | null = null,
  ) {
    this.handler = handler;
    this.meter = handler.meter;
    this.trace = trace;
    this.stream = new MessageStream(trace.clock, trace.redaction);
    this.#journal = journal;
    this.#log = log;
    this.#logBudgets = handler.logBudgets ?? new DomainLogBudgets(0);
    this.#counters = handler.counters ?? new Counters();
    this.times = new TurnTimes(this.#counters, (domid, text) => this.tell("warning", domid, text));
  }

  /** Whether a further turn has work without any news from outside. */
  get pending(): boolean {
    return this.#arrivals.count > 0 || this.#queue.size > 0 || this.#unflushed.length > 0 ||
      this.#domainsChanged || this.#tickDue || this.handler.due || this.onSettled !== null;
  }

  /** Begins long work: it is done in slices, among the peers. */
  begin(job: TurnJob): void {
    this.#arrivals.add(new JobContender(job));
    if (!this.#turning) this.onPending();
  }

  /** Work that nobody waits for; true when there is more. */
  maintain(idle: boolean): boolean {
    let isMore = this.#journal.maintain(idle);
    if (!this.#held && !(idle && isMore)) isMore = this.history?.maintain(idle) || isMore;
    this.times.maintained(idle);
    return isMore;
  }

  /** Whether the last commit failed, so that all output is held back. */
  get held(): boolean {
    return this.#held;
  }

  get stallBytes(): number {
    return this.#journal.full ? OUTPUT_STALL_BYTES_WHILE_FULL : OUTPUT_STALL_BYTES;
  }

  /** When the journal or the history has something to do even if nothing happens; see Journal.maintainAt. */
  get maintainAt(): number {
    return Math.min(this.#journal.maintainAt, this.history?.maintainAt ?? Infinity);
  }

  /** When {@link turn} must be called even if nothing else is to do; Infinity for not at all. */
  get lookAt(): number {
    return Math.min(this.expiry.lookAt, this.handler.wakeAt, this.stream.sendAt);
  }

  defers(peer: Peer, header: Header, bytes: Uint8Array, from: number): boolean {
    const queue = this.#queue;
    if (peer.prepaid > 0) queue.settle(peer);
    else if (queue.size > 0 || this.#arrivals.count > 0) {
      const units = this.handler.estimate(peer.connection, header, bytes, from);
      if (units <= PREPAID_UNITS_MIN) return false;
      queue.prepay(peer, units);
      return true;
    }
    return false;
  }

  ready(peer: Peer): void {
    if (peer.isReady) return;
    peer.isReady = true;
    this.#arrivals.add(peer);
    if (!this.#turning) this.onPending();
  }

  unflushed(peer: Peer): void {
    if (peer.isUnflushed) return;
    peer.isUnflushed = true;
    this.meter.add(peer.kind === "socket" ? SOCKET_SEND_UNITS : SEND_UNITS);
    this.#unflushed.push(peer);
    if (!this.#turning) this.onPending();
  }

  postponed(peer: Peer): void {
    this.#waiting.push(peer);
  }

  /** Time has passed, or something has happened, that what waits in the engine may be for. */
  tick(): void {
    this.#tickDue = true;
    if (!this.#turning) this.onPending();
  }

  /** Some domain shut down, died or vanished: the next turn looks which. */
  domainsChanged(): void {
    this.#domainsChanged = true;
    if (!this.#turning) this.onPending();
  }

  get eventDue(): number {
    return this.expiry.dueOf(this.#now);
  }

  expires(peer: Peer): void {
    this.expiry.add(peer, this.#now);
  }

  gone(peer: Peer, reason: GoneReason): void {
    const { malformed } = this.handler;
    if (malformed !== undefined) noteEnd(malformed, peer, reason, this.#now);
    this.onGone(peer, reason);
  }

  /** A line for the log that a client caused, at the expense of domain `domid`. */
  tell(level: LogLevel, domid: number, text: string): void {
    const left = this.#logBudgets.take(level === "debug" ? "info" : level, domid, this.#now);
    if (left !== null) this.#log(level, `${text}${left}`);
  }

  warn(peer: Peer, text: string): void {
    // The guest pays whose request led to it, as far as one did.
    const { domid } = this.cause?.connection ?? peer.connection;
    this.tell("warning", domid, `${peer.connection.label}: ${text}`);
  }

  failed(peer: Peer, error: unknown): void {
    const { domid, label } = peer.connection;
    this.tell("error", domid, `${label}: disconnected after an internal error: ${stackOf(error)}`);
  }

  /** One turn. `now` is in ms, on a clock that only goes forward. */
  turn(now: number): void {
    this.#turning = true;
    this.count++;
    this.#now = now;
    const { times } = this;
    times.begin(now);
    try {
      if (!this.#held) this.#step(now);
      times.served();
      if (this.#journal.keepsRings) this.#recordRings();
      this.#held = !this.#journal.commit();
      times.committed();
      if (!this.#held) this.#flush();
      times.answered();
      // Also while a commit fails: what goes on then must be seen.
      if (this.stream.on) this.stream.send(now);
    } finally {
      this.#turning = false;
    }
    if (this.onSettled !== null && !this.#held) this.#settled();
  }

  #settled(): void {
    const settled = this.onSettled;
    this.onSettled = null;
    settled?.();
  }

  #step(now: number): void {
    this.#quietCame = false;
    if (this.#domainsChanged) {
      this.#domainsChanged = false;
      this.handler.domainsChanged(now);
    }
    if (now >= this.expiry.lookAt) this.expiry.step(this.meter, now);
    const { handler } = this;
    if (this.#tickDue || handler.due || now >= handler.wakeAt) this.#tick(now);
    const queue = this.#queue;
    if (queue.size === 0) queue.idle((now - this.#servedAt) * IDLE_UNITS_PER_MS);
    this.#arrivals.enterAll(now);
    this.#servedAt = now;
    this.meter.take();
    if (queue.size > 0) this.#serve(now);
  }

  /**
   * How far in virtual time those may stand who are served in this turn: such as have used much more than the
   * first one wait until its answers have left, and while the journal or the history is behind, all busy ones.
   */
  get #furthest(): number {
    const { isBehind, syncs } = this.#journal, { next, quiet } = this.#queue;
    const spread = syncs ? Infinity : next + TURN_SPREAD_UNITS;
    const isLate = (isBehind && !syncs) || this.history?.isBehind === true;
    return isLate && quiet < spread ? quiet : spread;
  }

  #serve(now: number): void {
    const queue = this.#queue;
    const { syncs } = this.#journal;
    let furthest = this.#furthest;
    // Where commits wait for the disk, each has its own share of the turn.
    const shared = syncs ? 0 : 1;
    let served = 0;
    this.#lookAt = syncs ? Infinity : LOOK_UNITS;
    while (queue.size > 0 && queue.next <= furthest && shared * served < TURN_UNITS) {
      // Of many that begin at once none does all of its work before the others do their first.
      const isShort = shared > 0 && queue.isBeginning(now);
      const left = TURN_UNITS - shared * served;
      const most = isShort ? QUIET_STEP_UNITS : left > STEP_UNITS_MIN ? left : STEP_UNITS_MIN;
      const contender = queue.take(now);
      let unfinished: Peer | null = null;
      if (contender instanceof JobContender) this.#stepJob(contender);
      else if (this.#stepPeer(contender, served, most, now)) unfinished = contender;
      const units = this.meter.take();
      queue.charge(contender, units);
      if (unfinished !== null) this.#standAgain(unfinished, isShort);
      this.times.cost(contender, units);
      served += units;
      if (served >= this.#lookAt && served < TURN_UNITS) this.#findsQuiet(served, now);
      if (this.#quietCame) furthest = queue.quiet;
    }
    this.units += served;
  }

  /** Looks for new requests. Clients that were quiet go into the queue at once; true then, and the turn ends with them. */
  #findsQuiet(served: number, now: number): boolean {
    const arrivals = this.#arrivals, { count } = arrivals;
    this.look();
    if (arrivals.enterQuiet(count, now)) this.#quietCame = true;
    this.#lookAt = this.#quietCame ? Infinity : served + LOOK_UNITS;
    return this.#quietCame;
  }

  /** Whether the client that is served may go on, now that its units are used up or a look is due. */
  #goesOn(served: number, most: number, now: number): boolean {
    const { units } = this.meter;
    return units < most && !this.#findsQuiet(served + units, now);
  }

  /** A peer with more to do stands in line again: at once behind a short step, else in the next turn. */
  #standAgain(peer: Peer, isShort: boolean): void {
    if (!isShort || peer.isReady) return this.ready(peer);
    peer.isReady = true;
    this.#queue.add(peer);
  }

  /** Lets a peer use up to `most` units, behind `served` of others, or until a quiet one has come. True when it has more to do. */
  #stepPeer(peer: Peer, served: number, most: number, now: number): boolean {
    peer.isReady = false;
    this.meter.add(peer.kind === "socket" ? SOCKET_READ_UNITS : READ_UNITS);
    const before = this.#counters.requests, { meter } = this;
    let hasMore: boolean;
    do {
      this.unitsLeft = Math.min(most, this.#lookAt - served);
      hasMore = peer.step(now);
    } while (hasMore && meter.units >= this.unitsLeft && this.#goesOn(served, most, now));
    if (peer.readyAt < now) this.times.late(now - peer.readyAt, this.#counters.requests - before);
    // A ring tells nothing apart: it may be that the guest has read and made room.
    if (peer.unsent > 0) this.unflushed(peer);
    return hasMore;
  }

  #stepJob(contender: JobContender): void {
    this.meter.add(ARCHIVE_SLICE_MS * UNITS_PER_MS);
    if (contender.job.step()) this.#arrivals.add(contender);
  }

  #tick(now: number): void {
    this.#tickDue = false;
    if (!this.handler.tick(now)) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const peer of waiting) peer.release();
  }

  /** Whatever was taken from a ring, or is owed to it, has made its peer unflushed. */
  #recordRings(): void {
    for (const peer of this.#unflushed) {
      if (peer.hasNews) this.#journal.ring(peer.takeNews());
    }
  }

  #flush(): void {
    const peers = this.#unflushed;
    this.#unflushed = this.#flushed;
    this.#flushed = peers;
    // The quiet ones were served last.
    if (this.#quietCame) peers.reverse();
    for (let i = 0; i < peers.length; i++) {
      const peer = peers[i]!;
      peer.isUnflushed = false;
      peer.flush();
    }
    peers.length = 0;
  }
}
