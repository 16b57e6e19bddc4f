/** Which clients the daemon serves in the middle of a turn: counted in units and requests, never timed. */
import { assert, assertEquals } from "@std/assert";
import { REQUEST_UNITS, SOCKET_READ_UNITS } from "../../lib/engine/work_meter.ts";
import { LOOK_UNITS, TURN_UNITS } from "../../lib/limits.ts";
import { READ, TestTurns } from "../support/test_turns.ts";
import { Crowd, shareOf } from "./crowd.ts";

Deno.test("in a turn: a quiet client that asks in the middle of a turn is answered at its next look", () => {
  // A client has the turn to itself, or shares it with others.
  for (const units of [60, 240, 1_000]) {
    const crowd = Crowd.ofGuests(units);
    for (const privileged of [false, true]) {
      const quiet = crowd.world.connect(1_000, privileged);
      for (let asked = 1; asked <= 2; asked++) {
        const before = crowd.done;
        let looks = 0;
        crowd.world.turns.look = () => {
          if (++looks === asked) quiet.send(READ, 7, "");
        };
        crowd.turn();
        assertEquals(quiet.receive().length, 1);
        // It comes next, the turn ends with it, and there is no further look.
        assertEquals(crowd.done - crowd.doneBefore, REQUEST_UNITS);
        assertEquals(looks, asked);
        const waited = crowd.doneBefore - before;
        const most = asked * (LOOK_UNITS + units + SOCKET_READ_UNITS);
        assert(waited <= most, `${waited} units of others came first`);
        crowd.world.turns.look = () => {};
        crowd.turn(5);
      }
    }
  }
});

Deno.test("in a turn: a turn looks for quiet clients twice, and its length is as without", () => {
  const crowd = Crowd.ofGuests(60);
  let looks = 0;
  crowd.world.turns.look = () => void looks++;
  const before = crowd.done;
  crowd.turn(100);
  assertEquals(looks, 200);
  assert(crowd.done - before > 0.85 * 100 * TURN_UNITS, `${crowd.done - before} units`);
  looks = 0;
  crowd.world.journal.syncs = true;
  crowd.turn();
  assertEquals(looks, 0, "where each commit waits for the disk");
});

Deno.test("in a turn: a busy client that asks in the middle of a turn waits for the next one", () => {
  const crowd = Crowd.ofGuests(240);
  const first = crowd.busy[0]!, { client } = first;
  // The crowd sends nothing more for it.
  first.outstanding = Infinity;
  while (client.peer.isReady) crowd.turn();
  const before = shareOf(client).units;
  let looks = 0;
  crowd.world.turns.look = () => {
    if (++looks === 1) client.send(READ, 1, "");
  };
  crowd.turn();
  assertEquals(looks, 2);
  assertEquals(shareOf(client).units, before);
});

Deno.test("in a turn: the answer to a quiet client leaves before those to the busy", () => {
  const crowd = Crowd.ofGuests(240);
  const quiet = crowd.world.connect(1_000, false);
  const order: string[] = [];
  for (const { end, peer } of crowd.world.clients) {
    end.onChange = () => {
      if (!peer.isUnflushed) order.push(peer.connection.label);
    };
  }
  crowd.world.turns.look = () => void quiet.send(READ, 7, "");
  crowd.turn();
  assert(order.length > 1);
  assertEquals(order[0], quiet.peer.connection.label);
});

Deno.test("in a turn: a client that has gone, and is reported once more in the turn that sees it, is forgotten", () => {
  const world = new TestTurns();
  const [gone, ...others] = Array.from({ length: 20 }, () => world.connect());
  let looks = 0;
  world.turns.look = () => {
    if (++looks === 1) world.turns.ready(gone!.peer);
  };
  gone!.close();
  for (const other of others) other.send(READ, 1, "");
  world.turn();
  assert(looks > 0);
  world.turn();
  assertEquals(world.gone, [[gone!.peer.connection.label, "closed"]]);
});
