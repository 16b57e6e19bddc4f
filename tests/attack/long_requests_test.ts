/** Thirty guests with a long request each, and one that reads a value: the tests count for how many long ones it waits. */
import { assert, assertEquals } from "@std/assert";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { chain } from "../support/attack/attacks.ts";
import { ANSWERED, Attacker, type Program, request } from "../support/attack/attacker.ts";
import { makeScratch } from "../support/scratch.ts";
import { SmallHost } from "./small_host.ts";

const GUESTS = 30;
const LEVELS = 990;
const QUIET_DOMID = 1;
/** Milliseconds without a request, after which each client has all of its credit. */
const REST_MS = 10_000;

const MAKE = request(T.MKDIR, `${chain(LEVELS)}\0`);

/** What comes before a long request, and that request. */
interface Long {
  readonly before: (self: Attacker) => Program;
  readonly request: (self: Attacker) => Uint8Array;
}

function* nothing(): Program {}

function* makes(): Program {
  yield MAKE;
}

function* prepares(self: Attacker): Program {
  yield request(T.TRANSACTION_START, "\0");
  yield ANSWERED;
  yield request(T.MKDIR, `${chain(LEVELS)}\0`, self.transactions[0]);
}

const LONG: Readonly<Record<string, Long>> = {
  "an MKDIR": { before: nothing, request: () => MAKE },
  "an RM": { before: makes, request: () => request(T.RM, "a\0") },
  "a commit": {
    before: prepares,
    request: ({ transactions: [id] }) => request(T.TRANSACTION_END, "T\0", id),
  },
};

function* once(message: Uint8Array): Program {
  yield message;
}

/** Lets all do what they can. */
function settle(host: SmallHost, guests: readonly Attacker[]): void {
  for (let isMore = true; isMore;) {
    isMore = false;
    for (const guest of guests) if (guest.step()) isMore = true;
    host.settle();
  }
}

for (const [name, long] of Object.entries(LONG)) {
  Deno.test(`long requests: a quiet guest waits for one of thirty guests with ${name} of 990 levels`, async () => {
    await using scratch = await makeScratch();
    const host = new SmallHost(scratch.path);
    const quiet = new Attacker(host.introduce(QUIET_DOMID), 1);
    const guests = Array.from(
      { length: GUESTS },
      (_, i) => new Attacker(host.introduce(QUIET_DOMID + 1 + i), 20),
    );
    host.ask(request(T.WRITE, `/local/domain/${QUIET_DOMID}/x\0value`));
    for (const guest of guests) guest.play(long.before(guest));
    settle(host, guests);
    host.now += REST_MS;
    host.turn();
    const { counters } = host.engine.state, before = counters.requests;
    for (const guest of guests) guest.play(once(long.request(guest)));
    // A ring takes half of such a message at a time.
    const turn = (): void => {
      for (const guest of guests) guest.step();
      host.turn();
    };
    // The quiet guest asks when so many long requests are done.
    for (const [asked, done] of [0, 1, 2, 5, 10, 20, 29].entries()) {
      for (let turns = 0; counters.requests - before < done + asked; turns++) {
        assert(turns < 1_000, `${counters.requests - before - asked} are handled`);
        turn();
      }
      quiet.play(once(request(T.READ, "x\0")));
      quiet.step();
      const handled = counters.requests;
      let turns = 0;
      for (; quiet.replies === asked; turns++) {
        turn();
        quiet.step();
      }
      // To look at what all have sent may take two.
      assert(turns <= 3, `behind ${done} requests: it waits for ${turns} turns`);
      const others = counters.requests - handled - 1;
      assert(others <= 1, `behind ${done} requests: it waits for ${others} long ones`);
    }
    settle(host, guests);
    assertEquals(guests.flatMap(({ errors }) => [...errors]), []);
    host.close();
  });
}
