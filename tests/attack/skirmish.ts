import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Random } from "../support/random.ts";
import { Attacker, request } from "../support/attack/attacker.ts";
import { type Attack, type Place, SHARED } from "../support/attack/attacks.ts";
import { Crew } from "../support/attack/crew.ts";
import { PlainProbe, TransactionProbe } from "../support/attack/probes.ts";
import type { SmallHost } from "./small_host.ts";

/** Guests that attack, where an attack does not want fewer. */
const GUESTS = 6;
const QUIET_DOMID = 1;
const FIRST_ATTACKER = 2;
/** Requests of a client that wait for their replies: a guest's quota. */
const WINDOW = 20;
/** Files are looked at once in so many turns. */
const LOOK_TURNS = 50;

/** How long an attack lasts: whichever comes first, of the daemon's turns and its milliseconds. */
export interface Length {
  readonly turns: number;
  readonly ms: number;
}

/** An attack on a small host, with clients that measure. Milliseconds are the host's. */
export class Skirmish {
  readonly quietGuest: PlainProbe;
  readonly quietSocket: PlainProbe;
  readonly transaction: TransactionProbe;
  readonly crew: Crew;
  readonly domids: readonly number[];
  filesMax = 0;
  /** Most bytes of the history that were in use. */
  historyMax = 0;
  /** Most that one attacking guest cost, in bytes of the memory model. */
  chargedMax = 0;
  readonly #host: SmallHost;

  constructor(attack: Attack, host: SmallHost, seed: number) {
    this.#host = host;
    const guests = Math.min(attack.guests ?? GUESTS, GUESTS);
    this.domids = Array.from({ length: guests }, (_, i) => FIRST_ATTACKER + i);
    const home = `/local/domain/${QUIET_DOMID}/x`;
    const quiet = host.introduce(QUIET_DOMID);
    this.quietGuest = new PlainProbe("quiet guest", quiet, [request(T.READ, "x\0")]);
    const rings = this.domids.map((domid) => host.introduce(domid));
    host.ask(
      request(T.WRITE, `${home}\0some value`),
      request(T.WRITE, `${SHARED}\0some value`),
      request(T.SET_PERMS, `${SHARED}\0b0\0`),
      request(T.WRITE, "/watched\0"),
    );
    const read = request(T.READ, `${home}\0`);
    this.quietSocket = new PlainProbe("quiet socket", host.connect("quiet"), [read]);
    this.transaction = new TransactionProbe(host.connect("transaction"));
    const place = (domid: number, index: number): Place => ({
      domid,
      index,
      domids: this.domids,
      now: () => host.now,
      random: new Random(seed + domid * 1_000 + index),
    });
    const { guest, socket, sockets = 0, window = WINDOW } = attack;
    const attackers: Attacker[] = [];
    if (guest !== undefined) {
      rings.forEach((ring, index) => {
        const attacker = new Attacker(ring, window);
        attacker.play(guest(attacker, place(this.domids[index]!, index)));
        attackers.push(attacker);
      });
    }
    for (let index = 0; socket !== undefined && index < sockets; index++) {
      const attacker = new Attacker(host.connect(`attacker ${index}`), window);
      attacker.play(socket(attacker, place(0, index)));
      attackers.push(attacker);
    }
    this.crew = new Crew(attackers);
    host.settle();
  }

  fight(length: Length): void {
    const host = this.#host;
    const probes = [this.quietGuest, this.quietSocket, this.transaction];
    const end = host.now + length.ms;
    for (let turn = 0; turn < length.turns && host.now < end; turn++) {
      this.crew.step();
      for (const probe of probes) probe.step(host.now);
      host.turn();
      if (turn % LOOK_TURNS === 0) this.#look();
    }
    for (const probe of probes) probe.finish(host.now);
    this.#look();
  }

  #look(): void {
    this.filesMax = Math.max(this.filesMax, this.#host.fileBytes);
    this.historyMax = Math.max(this.historyMax, this.#host.history.history?.bytes ?? Infinity);
    const { accounts } = this.#host.engine.state;
    for (const domid of this.domids) {
      this.chargedMax = Math.max(this.chargedMax, accounts.of(domid).cost);
    }
  }

  /** The attackers are no more. */
  end(): void {
    this.crew.leave();
    for (const domid of this.domids) this.#host.destroy(domid);
    this.#host.settle();
  }
}
