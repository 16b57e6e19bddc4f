/** Busy clients in a world of turns without an engine. */
import { REQUEST_UNITS, type Share } from "../../lib/engine/work_meter.ts";
import { CREDIT_UNITS } from "../../lib/limits.ts";
import { READ, type TestClient, TestTurns } from "../support/test_turns.ts";

/** How many guests are busy. */
export const BUSY = 30;
/** Requests that a busy client has outstanding: more than fit into a turn, if they are short. */
const OUTSTANDING = 100;

/** A client that always has requests waiting. */
export interface BusyClient {
  readonly client: TestClient;
  /** What each of its requests takes. */
  readonly units: number;
  outstanding: number;
}

/** Busy clients, which always have requests waiting, and others that ask now and then. */
export class Crowd {
  readonly world = new TestTurns();
  readonly busy: BusyClient[] = [];
  /** Units of all requests handled so far. */
  done = 0;
  /** The same when the last request of another client was handled. */
  doneBefore = 0;

  constructor() {
    this.world.onRequest = ({ id, outbox }, { reqId, txId, type }, payload) => {
      const busy = this.busy.find(({ client }) => client.peer.connection.id === id);
      if (busy === undefined) this.doneBefore = this.done;
      else busy.outstanding--;
      const units = busy?.units ?? REQUEST_UNITS;
      this.world.meter.add(units - REQUEST_UNITS);
      this.done += units;
      outbox.reply(type, reqId, txId, payload);
    };
  }

  /** Thirty guests whose requests take `units` each, and which have used up their credit. */
  static ofGuests(units: number): Crowd {
    const crowd = new Crowd();
    for (let i = 0; i < BUSY; i++) crowd.add(units, false);
    while (crowd.done < 2 * BUSY * CREDIT_UNITS) crowd.turn();
    return crowd;
  }

  /** So many clients whose requests take `units` each, and which all have something to ask after a second of rest. */
  static atOnce(count: number, units: number, privileged: boolean): Crowd {
    const crowd = new Crowd();
    crowd.world.now = 1_000;
    for (let i = 0; i < count; i++) crowd.add(units, privileged);
    crowd.send();
    return crowd;
  }

  add(units: number, privileged: boolean): BusyClient {
    const busy = { client: this.world.connect(8_192, privileged), units, outstanding: 0 };
    this.busy.push(busy);
    return busy;
  }

  turn(count = 1): void {
    for (let i = 0; i < count; i++) {
      this.send();
      for (const { client } of this.busy) client.receive(8_192);
      this.world.turn();
    }
  }

  /** Has the busy clients send all that they may. */
  send(): void {
    for (const busy of this.busy) {
      for (; busy.outstanding < OUTSTANDING; busy.outstanding++) busy.client.send(READ, 1, "");
    }
  }

  /** Lets `client` ask once. Returns how many units of others came first, and the turns it took. */
  ask(client: TestClient): { units: number; turns: number } {
    const before = this.done;
    client.send(READ, 7, "");
    for (let turns = 1; turns < 1_000; turns++) {
      this.turn();
      if (client.receive().length > 0) return { units: this.doneBefore - before, turns };
    }
    throw new Error("the client got no answer");
  }

  units(): number[] {
    return this.busy.map(({ client }) => shareOf(client).units);
  }
}

/** What a client has used. */
export function shareOf(client: TestClient): Share {
  return client.peer.connection.share;
}
