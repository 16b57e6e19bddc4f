/** No client can keep another's transactions from ever committing, nor make others wait for long. */
import { assert, assertEquals } from "@std/assert";
import {
  RESERVATION_MS_MAX,
  RESERVATION_PATHS_MAX,
  RESERVATION_REST_MS,
  RESERVATION_SHORT_MS,
  RESERVATIONS_LATE_MAX,
  RESERVATIONS_MAX,
  RESERVED_AFTER,
  WAIT_FOR_GUESTS_MS_MAX,
  WAIT_WINDOW_MS,
} from "../../lib/limits.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { withSeed } from "../support/random.ts";
import { Arena, type Contender } from "./contenders.ts";

/** One transaction that reads `reads` and writes `/mine`, while all of `attack` happens between. */
function attempt(victim: Contender, reads: readonly string[], attack: () => void): string {
  const id = victim.start();
  for (const path of reads) {
    victim.read(path, id);
    attack();
  }
  victim.write("/mine", `${victim.arena.now}`, id);
  attack();
  const reply = victim.end(id)!;
  victim.arena.pass(0);
  return reply;
}

/** The longest row of refused commits out of `count`. */
function longestRow(count: number, one: () => string): number {
  let [row, longest] = [0, 0];
  for (let i = 0; i < count; i++) {
    row = one() === "OK" ? 0 : row + 1;
    longest = Math.max(longest, row);
  }
  return longest;
}

/** What the victim has earned: as many commits refused as that takes, because of `attacker`. */
function refuse(victim: Contender, attacker: Contender, path = "/a"): void {
  for (let i = 0; i < RESERVED_AFTER; i++) {
    let writes = 0;
    const reply = attempt(victim, [path], () => {
      if (writes++ === 0) assertEquals(attacker.write(path, `${i}${victim.arena.now}`), "OK");
    });
    assertEquals(reply, "!EAGAIN");
    victim.arena.pass(1);
  }
}

for (const guests of [1, 30]) {
  Deno.test(`${guests} guests that write what dom0 reads refuse no more than two commits in a row`, () => {
    const arena = new Arena();
    arena.plant("/mine", "/a", "/b");
    const victim = arena.socket();
    const attackers = Array.from({ length: guests }, (_, i) => arena.guest(i + 1));
    let turn = 0, written = 0;
    const longest = longestRow(300, () =>
      attempt(victim, ["/a", "/b"], () => {
        for (let i = 0; i < 5; i++) {
          arena.pass(0.1);
          const attacker = attackers[turn++ % guests]!;
          if (attacker.held) continue;
          attacker.write(turn % 2 === 0 ? "/a" : "/b", `${turn}`);
          written++;
        }
      }));
    assertEquals(longest, RESERVED_AFTER);
    assert(written > 300, `${written} writes`);
    for (const { waits } of attackers) for (const ms of waits) assert(ms <= RESERVATION_MS_MAX);
  });
}

Deno.test("So it is when the commits of guests' transactions are in the way, and removals", () => {
  withSeed((random) => {
    const arena = new Arena();
    arena.plant("/mine", "/d");
    const victim = arena.socket();
    const attackers = Array.from({ length: 30 }, (_, i) => arena.guest(i + 1));
    const open = new Map<Contender, number>();
    const act = (attacker: Contender): void => {
      if (attacker.held) return;
      const path = `/d/${random.below(3)}`;
      const id = open.get(attacker) ?? 0;
      switch (random.below(5)) {
        case 0:
          if (id === 0) open.set(attacker, attacker.start());
          else {
            open.delete(attacker);
            attacker.end(id);
          }
          return;
        case 1:
          return void attacker.ask(MessageType.RM, `${path}\0`, id);
        case 2:
          return void attacker.ask(MessageType.MKDIR, `${path}/x\0`, id);
        default:
          return void attacker.write(path, `${random.below(1000)}`, id);
      }
    };
    const longest = longestRow(300, () => {
      const id = victim.start();
      const attack = (): void => {
        arena.pass(0.1);
        for (let i = 0; i < 6; i++) act(random.pick(attackers));
      };
      const names = victim.ask(MessageType.DIRECTORY, "/d\0", id)!;
      attack();
      for (const name of names.split("\0")) {
        if (name !== "") victim.read(`/d/${name}`, id);
        attack();
      }
      victim.write("/mine", "x", id);
      attack();
      const reply = victim.end(id)!;
      arena.pass(0);
      return reply;
    });
    // In one run of seven there is one more; nobody is to be refused more than three times in a row.
    assert(longest <= RESERVED_AFTER + 1, `${longest} refused in a row`);
  });
});

Deno.test("A transaction that looks at other nodes each time gets through, too", () => {
  for (const isWriting of [false, true]) {
    const arena = new Arena();
    const paths = Array.from({ length: 400 }, (_, i) => `/p${i}`);
    arena.plant("/mine", ...paths);
    const victim = arena.socket();
    const attacker = arena.guest(1);
    let [next, value] = [0, 0];
    const longest = longestRow(90, () => {
      const id = victim.start();
      const mine = [0, 1, 2, 3].map(() => paths[next++ % paths.length]!);
      if (isWriting) victim.ask(MessageType.MKDIR, `/made${next}\0`, id);
      for (const path of mine) {
        arena.pass(0.1);
        // What it has not looked at yet nobody could reserve.
        for (const other of mine) if (!attacker.held) attacker.write(other, `${++value}`);
        victim.read(path, id);
      }
      victim.write("/mine", `${next}`, id);
      const reply = victim.end(id)!;
      arena.pass(0);
      return reply;
    });
    assertEquals(longest, RESERVED_AFTER);
  }
});

Deno.test("A guest that may not change a node does not wait, nor one that changes another facet", () => {
  const arena = new Arena();
  arena.plant("/mine", "/a", "/d");
  const victim = arena.socket();
  const guest = arena.guest(1);
  victim.write("/secret", "x");
  for (const path of ["/owned", "/other"]) {
    victim.write(path, "x");
    victim.ask(MessageType.SET_PERMS, `${path}\0n3\0`);
  }
  refuse(victim, guest);
  const id = victim.start();
  for (const path of ["/a", "/secret"]) victim.read(path, id);
  victim.ask(MessageType.DIRECTORY, "/d\0", id);
  for (const path of ["/owned", "/other"]) victim.write(path, "x", id);
  victim.ask(MessageType.GET_PERMS, "/owned\0", id);
  victim.read("/other", id);
  const other = arena.guest(2);
  assertEquals(other.write("/secret", "y"), "!EACCES");
  assertEquals(other.write("/a/below", "its list of children was not read"), "OK");
  assertEquals(other.write("/d", "its value was not read"), "OK");
  assertEquals(other.ask(MessageType.MKDIR, "/a\0"), "OK");
  for (const path of ["/owned", "/other"]) {
    const third = arena.guest(3);
    const reply = third.ask(MessageType.SET_PERMS, `${path}\0n3\0r1\0`);
    assertEquals(reply, path === "/owned" ? null : "OK");
  }
  assertEquals(other.write("/d/below", "its list of children was"), null);
  assertEquals(victim.end(id), "OK");
  arena.pass(0);
  assertEquals(other.held, false);
  assertEquals(victim.read("/d/below"), "its list of children was");
});

Deno.test("Privileged clients never wait, and a guest does not for itself", () => {
  const arena = new Arena();
  arena.plant("/mine", "/a");
  const [victim, dom0] = [arena.socket(), arena.socket()];
  const [guest, other] = [arena.guest(1), arena.guest(2)];
  refuse(victim, guest);
  let id = victim.start();
  victim.read("/a", id);
  assertEquals(dom0.write("/a", "dom0"), "OK");
  victim.end(id, "F");
  refuse(guest, other);
  id = guest.start();
  guest.read("/a", id);
  assertEquals(guest.write("/a", "its own"), "OK");
  assertEquals(other.write("/a", "another's"), null);
});

Deno.test("One that is left open lets others go on, and must be earned anew", () => {
  const arena = new Arena();
  arena.plant("/mine", "/a");
  const victim = arena.socket();
  const guest = arena.guest(1);
  refuse(victim, guest);
  const id = victim.start();
  victim.read("/a", id);
  arena.pass(10 * RESERVATION_MS_MAX);
  // Its time counts from where somebody waits for it.
  assertEquals(guest.write("/a", "1"), null);
  assertEquals(arena.engine.wakeAt, arena.now + RESERVATION_MS_MAX);
  arena.pass(RESERVATION_MS_MAX - 1);
  assertEquals(guest.held, true);
  arena.pass(1);
  assertEquals([guest.held, guest.waits], [false, [RESERVATION_MS_MAX]]);
  assertEquals(guest.write("/a", "2"), "OK");
  // Neither at once, nor before some time has passed.
  victim.read("/a", victim.start());
  assertEquals(guest.write("/a", "3"), "OK");
  victim.end(id, "F");
  refuse(victim, guest);
  victim.read("/a", victim.start());
  assertEquals(guest.write("/a", "4"), "OK");
  arena.pass(RESERVATION_REST_MS);
  victim.read("/a", victim.start());
  assertEquals(guest.write("/a", "5"), null);
});

/** A transaction that takes longer than it can reserve, while the guest writes what it reads. */
function lateAttempt(victim: Contender, guest: Contender, how = "T"): boolean {
  const id = victim.start();
  victim.read("/a", id);
  const isHeld = guest.write("/a", `${victim.arena.now}`) === null;
  victim.arena.pass(RESERVATION_MS_MAX);
  assertEquals(guest.held, false);
  victim.write("/mine", "x", id);
  assertEquals(victim.end(id, how), how === "T" ? "!EAGAIN" : "OK");
  return isHeld;
}

Deno.test("A client that was late tries again under a reservation, but not for long", () => {
  const arena = new Arena();
  arena.plant("/mine", "/a");
  const victim = arena.socket();
  const guest = arena.guest(1);
  refuse(victim, guest);
  for (let i = 0; i <= RESERVATIONS_LATE_MAX; i++) {
    assertEquals(lateAttempt(victim, guest), true, `attempt ${i}`);
  }
  for (let spent = 0; spent < RESERVATION_REST_MS; spent += RESERVATION_MS_MAX) {
    assertEquals(lateAttempt(victim, guest), false);
  }
  assertEquals(lateAttempt(victim, guest), true);
  // Getting through in between counts.
  for (let round = 0; round < 2; round++) {
    for (let i = 1; i < RESERVATIONS_LATE_MAX; i++) lateAttempt(victim, guest);
    const id = victim.start();
    victim.read("/a", id);
    assertEquals(guest.write("/a", `${round}`), null);
    victim.write("/mine", "x", id);
    assertEquals(victim.end(id), "OK");
    arena.pass(0);
  }
  // Giving it up is no trial.
  assertEquals(lateAttempt(victim, guest, "F"), true);
  assertEquals(lateAttempt(victim, guest), false);
});

Deno.test("While guests go on to write what it reads, the next transaction reserves at once", () => {
  for (const isShort of [true, false]) {
    const arena = new Arena();
    arena.plant("/mine", "/a");
    const victim = arena.socket();
    const guest = arena.guest(1);
    refuse(victim, guest);
    for (let i = 0; i < 3; i++) {
      const id = victim.start();
      victim.read("/a", id);
      const reply = guest.write("/a", `${i}${arena.now}`);
      assertEquals(reply, isShort || i === 0 ? null : "OK");
      if (reply !== null) break;
      arena.pass(isShort ? 1 : RESERVATION_SHORT_MS);
      victim.write("/mine", "x", id);
      assertEquals(victim.end(id), "OK");
      arena.pass(0);
    }
    if (!isShort) continue;
    // Nobody has waited for this one: the attack is over.
    assertEquals(attempt(victim, ["/a"], () => {}), "OK");
    victim.read("/a", victim.start());
    assertEquals(guest.write("/a", "x"), "OK");
  }
});

Deno.test("A connection reserves for one transaction at a time, and not without end", () => {
  const arena = new Arena();
  arena.plant("/mine", "/a", "/b");
  const victim = arena.socket();
  const guest = arena.guest(1);
  refuse(victim, guest);
  const [first, second] = [victim.start(), victim.start()];
  victim.read("/b", second);
  assertEquals(guest.write("/b", "1"), "OK");
  victim.end(second, "F");
  for (let i = 0; i <= RESERVATION_PATHS_MAX; i++) victim.read(`/p${i}`, first);
  assertEquals(guest.write("/a", "1"), "OK");
});

Deno.test("What dom0, or the guest itself, has changed earns no reservation", () => {
  for (const isGuest of [false, true]) {
    const arena = new Arena();
    arena.plant("/mine", "/a");
    const victim = isGuest ? arena.guest(1) : arena.socket();
    const writer = isGuest ? victim : arena.socket();
    refuse(victim, writer);
    victim.read("/a", victim.start());
    assertEquals(arena.guest(2).write("/a", "x"), "OK");
  }
});

/** Whether the transaction that the victim starts now reserves. */
function reserves(victim: Contender): boolean {
  const id = victim.start();
  return victim.connection.transactions.get(id)!.reserves;
}

Deno.test("There are so many reservations of dom0 at once and no more, and as many of guests", () => {
  const arena = new Arena();
  arena.plant("/mine", "/a");
  const attacker = arena.guest(40);
  const [guests, sockets] = [true, false].map((isGuest) =>
    Array.from({ length: RESERVATIONS_MAX + 1 }, (_, i) => {
      const victim = isGuest ? arena.guest(i + 1) : arena.socket();
      refuse(victim, attacker);
      return victim;
    })
  );
  for (const victims of [guests!, sockets!]) {
    const expected = victims.map((_, i) => i < RESERVATIONS_MAX);
    assertEquals(victims.map(reserves), expected);
  }
  // One that was left open makes room, though nothing waits for it.
  const last = sockets!.at(-1)!;
  arena.pass(RESERVATION_MS_MAX - 1);
  assertEquals(reserves(last), false);
  arena.pass(1);
  assertEquals(reserves(last), true);
  assertEquals([...sockets![0]!.connection.transactions.values()][0]!.reserves, false);
});

Deno.test("Only a commit that touches the node in dispute, or giving that up, ends what was earned", () => {
  const arena = new Arena();
  arena.plant("/mine", "/a", "/b");
  const victim = arena.socket();
  const guest = arena.guest(1);
  refuse(victim, guest);
  assertEquals(attempt(victim, ["/b"], () => {}), "OK");
  let id = victim.start();
  victim.read("/b", id);
  victim.end(id, "F");
  id = victim.start();
  assertEquals(victim.connection.transactions.get(id)!.reserves, true);
  victim.read("/a", id);
  victim.end(id, "F");
  assertEquals(reserves(victim), false);
});

Deno.test("What waits goes on when the reserving connection hangs up, or resets itself", () => {
  for (const isReset of [false, true]) {
    const arena = new Arena();
    arena.plant("/mine", "/a");
    const victim = arena.socket();
    const guest = arena.guest(1);
    refuse(victim, guest);
    victim.read("/a", victim.start());
    assertEquals(guest.write("/a", "1"), null);
    if (isReset) victim.ask(MessageType.RESET_WATCHES, "\0");
    else arena.engine.disconnect(victim.connection);
    assertEquals(arena.engine.due, true);
    arena.pass(0);
    assertEquals(guest.held, false);
    assertEquals(arena.engine.state.reservations.any, false);
  }
});

Deno.test("Two guests whose changes wait for each other's transactions go on in time", () => {
  const arena = new Arena();
  arena.plant("/mine", "/a", "/b");
  const [one, two] = [arena.guest(1), arena.guest(2)];
  refuse(one, two, "/a");
  refuse(two, one, "/b");
  const [first, second] = [one.start(), two.start()];
  one.read("/a", first);
  two.read("/b", second);
  assertEquals([one.write("/b", "1"), two.write("/a", "2")], [null, null]);
  arena.pass(RESERVATION_MS_MAX);
  assertEquals([one.held, two.held], [false, false]);
});

Deno.test("Guests that help each other to reserve what a third writes hardly slow it", () => {
  const arena = new Arena();
  arena.plant("/mine", "/a", "/b");
  const third = arena.guest(1);
  const [helper, ...others] = Array.from({ length: 31 }, (_, i) => arena.guest(i + 2));
  let done = 0;
  const end = arena.now + 10 * WAIT_WINDOW_MS;
  while (arena.now < end) {
    for (const other of others) {
      if (arena.now >= end || helper!.held || other.held) continue;
      refuse(other, helper!);
      const id = other.start();
      for (const path of ["/a", "/b"]) other.read(path, id);
      for (let i = 0; i < RESERVATION_MS_MAX; i++) {
        if (!third.held) done += third.write("/b", `${done}`) === "OK" ? 1 : 0;
        arena.pass(1);
      }
      other.end(id, "F");
      arena.pass(0);
    }
  }
  const waited = third.waits.reduce((sum, ms) => sum + ms, 0);
  assert(waited > 0, "the third guest has waited for nothing");
  assert(waited <= 11 * WAIT_FOR_GUESTS_MS_MAX, `waited for ${waited} ms`);
});

Deno.test("No guest waits for more than one reservation's time, however many follow each other", () => {
  const arena = new Arena();
  arena.plant("/mine", "/a");
  const guest = arena.guest(1);
  const victims = Array.from({ length: RESERVATIONS_MAX + 4 }, () => arena.socket());
  for (const victim of victims) refuse(victim, guest);
  const waiting = arena.guest(2);
  for (const victim of victims) {
    const id = victim.start();
    victim.read("/a", id);
    if (!waiting.held) waiting.write("/a", `${id}`);
    arena.pass(5);
  }
  assert(waiting.waits.length > 0);
  for (const ms of waiting.waits) assert(ms <= RESERVATION_MS_MAX, `${ms} ms`);
});

Deno.test("Guests whose waits end one after the other refuse dom0 no row of commits", () => {
  const arena = new Arena(80);
  arena.plant("/mine", "/a");
  const victim = arena.socket();
  const helper = arena.guest(1);
  const reservers = Array.from({ length: RESERVATIONS_MAX }, (_, i) => arena.guest(2 + i));
  for (const reserver of reservers) refuse(reserver, helper);
  // They wait for these, not for dom0's transactions, so that they can't go on between two of those.
  for (const reserver of reservers) reserver.read("/a", reserver.start());
  const writers = Array.from({ length: 40 }, (_, i) => arena.guest(40 + i));
  let next = 0;
  const longest = longestRow(100, () =>
    attempt(victim, ["/a"], () => {
      arena.pass(0.5);
      if (next < 2 * writers.length && next++ % 2 === 0) writers[next >> 1]?.write("/a", `${next}`);
    }));
  assert(writers.filter(({ waits }) => waits.length > 0).length > 20, "hardly one waits");
  assert(longest <= RESERVED_AFTER + 1, `${longest} in a row`);
});

Deno.test("So it is when dom0's transactions overlap, and there is no moment between them", () => {
  const arena = new Arena(80);
  arena.plant("/mine", "/a");
  const victims = [arena.socket(), arena.socket()];
  for (const victim of victims) refuse(victim, arena.guest(1));
  const writers = Array.from({ length: 40 }, (_, i) => arena.guest(40 + i));
  const rows = [0, 0], ids = [0, 0];
  let longest = 0;
  for (let turn = 0; turn < 200; turn++) {
    const i = turn % 2, victim = victims[i]!;
    if (ids[i] !== 0) {
      rows[i] = victim.end(ids[i]!) === "OK" ? 0 : rows[i]! + 1;
      longest = Math.max(longest, rows[i]!);
    }
    ids[i] = victim.start();
    victim.read("/a", ids[i]);
    victim.write("/mine", `${turn}`, ids[i]);
    arena.pass(0.5);
    if (turn % 2 === 0) writers[turn / 2]?.write("/a", `${turn}`);
  }
  assert(writers.some(({ waits }) => waits.length > 0), "no client waits");
  assert(longest <= RESERVED_AFTER + 1, `${longest} in a row`);
  for (const { waits } of writers) for (const ms of waits) assert(ms <= RESERVATION_MS_MAX + 0.5);
});
