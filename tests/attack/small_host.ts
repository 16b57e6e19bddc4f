import { statSync } from "node:fs";
import { systemClock } from "../../lib/clock.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { UNITS_PER_MS } from "../../lib/engine/work_meter.ts";
import { openStore } from "../../lib/journal/store_file.ts";
import type { StoreJournal } from "../../lib/journal/store_journal.ts";
import { MemoryDomains } from "../../lib/server/domains/memory_domains.ts";
import { HistoryKeeper } from "../../lib/server/history/history_keeper.ts";
import { Trace } from "../../lib/server/logging/trace.ts";
import { Peer } from "../../lib/server/peer/peer.ts";
import { Turns } from "../../lib/server/scheduler.ts";
import { Redaction } from "../../lib/store/redaction.ts";
import { MemoryTransport } from "../support/memory_transport.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Attacker, type End, type Program, request } from "../support/attack/attacker.ts";

/** Units that a turn takes beside its clients' work, about: the poll, the commit. */
const TURN_OVERHEAD_UNITS = 500;

/** Bytes that the history may have: little, so that all of its upkeep comes in a short attack. */
export const HISTORY_BYTES = 2_097_152;

/** What the kernel would say of a client. */
const PROCESS = { kind: "process", domid: 0, startTime: 1, uid: 0, command: "attacker" } as const;

/**
 * A daemon in this process with its store and a history in files, whose clock goes by the units of its work:
 * what takes how long is the same in each run, on every machine.
 */
export class SmallHost {
  readonly domains = new MemoryDomains();
  readonly log: string[] = [];
  readonly engine: Engine;
  readonly turns: Turns;
  readonly journal: StoreJournal;
  readonly history: HistoryKeeper;
  /** Milliseconds, by units. */
  now = 0;
  /** Most units of one turn so far. */
  unitsMax = 0;
  #units = 0;
  #pid = 1;
  readonly #folder: string;

  /** The store's files are in `folder`, which is empty. */
  constructor(folder: string) {
    this.#folder = folder;
    const log = (level: string, text: string): void => void this.log.push(`${level}: ${text}`);
    this.journal = openStore(`${folder}/store`, { durability: "crash", log }).journal;
    const { dirty } = this.journal;
    this.history = new HistoryKeeper({
      choice: { bytes: HISTORY_BYTES, ageMs: Infinity },
      journal: this.journal,
      store: `${folder}/store`,
      redaction: new Redaction(),
      log,
      clock: { ...systemClock, now: () => this.now, wall: () => Math.floor(this.now * 1_000) },
    });
    const { listener } = this.history;
    this.engine = new Engine({
      ...{ domains: this.domains, log, listener },
      ...(dirty === null ? {} : { dirty }),
    });
    this.turns = new Turns(this.engine, this.journal, new Trace(), log, this.history);
    this.history.attach(this.engine.state);
    this.domains.attach(this.turns, this.engine);
    this.turns.onGone = (peer) => {
      if (peer.kind === "ring") this.domains.gone(peer);
      else this.engine.disconnect(peer.connection);
    };
    this.journal.recover(this.engine.state);
    this.journal.begin({ state: this.engine.state, rings: () => this.domains.rings() });
    this.engine.state.commits!.started("nothing");
    const { meter } = this.engine.state;
    const add = meter.add.bind(meter);
    meter.add = (units: number): void => {
      this.#units += units;
      add(units);
    };
  }

  /** A client of domain 0's socket. */
  connect(label = "dom0"): End {
    const [near, far] = MemoryTransport.pair();
    const peer = new Peer("socket", 0, near, this.turns);
    near.onChange = () => this.turns.ready(peer);
    const process = { author: { ...PROCESS, pid: this.#pid++ } };
    const spec = { kind: "socket", domid: 0, label, outbox: peer, process } as const;
    peer.connection = this.engine.connect(spec);
    return far as End;
  }

  /** A domain with its home, and the guest's end of its ring. */
  introduce(domid: number): End {
    this.domains.create(domid);
    const home = `/local/domain/${domid}`;
    this.ask(
      request(T.MKDIR, `${home}\0`),
      request(T.SET_PERMS, `${home}\0n${domid}\0`),
      request(T.INTRODUCE, `${domid}\x001\x005\0`),
    );
    return this.domains.guest(domid) as End;
  }

  /** Requests of domain 0, none of which may be refused. */
  ask(...requests: readonly Uint8Array[]): void {
    const client = new Attacker(this.connect(), 1);
    client.play((function* (): Program {
      yield* requests;
    })());
    while (client.replies < requests.length) {
      client.step();
      this.turn();
    }
    if (client.errors.size > 0) throw new Error(`refused: ${[...client.errors.keys()]}`);
    client.disconnect();
    this.turn();
  }

  /** One turn of the daemon, with the work behind it; time passes by what it took. */
  turn(): void {
    this.#units = 0;
    this.turns.turn(this.now);
    const units = this.#units;
    this.unitsMax = Math.max(this.unitsMax, units);
    this.now += (units + TURN_OVERHEAD_UNITS) / UNITS_PER_MS;
    this.turns.maintain(false);
  }

  /** Turns until there is nothing to do. */
  settle(): void {
    for (let turns = 0; this.turns.pending; turns++) {
      if (turns > 100_000) throw new Error("the turns never settle");
      this.turn();
    }
    while (this.turns.maintain(true));
  }

  /** The domain is dead, and then gone. */
  destroy(domid: number): void {
    this.domains.die(domid);
    this.settle();
    this.domains.remove(domid);
    this.settle();
  }

  /** Bytes of the store's files. */
  get fileBytes(): number {
    let sum = 0;
    for (const { name } of Deno.readDirSync(this.#folder)) {
      sum += statSync(`${this.#folder}/${name}`).size;
    }
    return sum;
  }

  close(): void {
    this.journal.close();
    this.history.close();
  }
}
