/** A daemon's history with the true journal: killed at any moment, each acknowledged commit is there once, and no other. */
import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../lib/clock.ts";
import { momentAt } from "../../lib/history/reading.ts";
import type { Durability } from "../../lib/journal/database.ts";
import { HISTORY_NUMBERS_RESERVED, HISTORY_RIDING_RECORDS_MAX } from "../../lib/limits.ts";
import type { Recorder } from "../../lib/history/recorder.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { type Client, randomRequest } from "../support/engine_client.ts";
import { type Random, roundsOf, withSeed } from "../support/random.ts";
import { makeScratch } from "../support/scratch.ts";
import { listedPlain, RecordedLife } from "./recorded_life.ts";
import { finish, folded, lines } from "./support.ts";

function step(life: RecordedLife, random: Random): void {
  const client = random.pick(life.clients);
  if (random.chance(0.1)) {
    const id = parseInt(client.ask(T.TRANSACTION_START, "\0").split(" ")[1]!);
    for (let i = random.below(4); i > 0; i--) client.ask(...randomRequest(random), id);
    client.ask(T.TRANSACTION_END, "T\0", id);
  } else client.ask(...randomRequest(random));
}

/** What a new life finds: all that was committed, and then its own start. */
function checkKilled(life: RecordedLife, copy: string, durability: Durability): void {
  const was = listedPlain(life.history), { last } = life.history;
  const next = new RecordedLife(copy, { durability });
  const found = listedPlain(next.history);
  assertEquals(found.slice(0, was.length), was);
  assertEquals(found.slice(was.length).map(({ number }) => number), [last + 1]);
  assert(next.history.horizon!.number <= 10, "all but its very beginning");
  for (const [number, tree] of life.trees) {
    if (number < next.history.horizon!.number) continue;
    const moment = finish(momentAt(next.history, number));
    assertEquals([moment.inexact(), lines(moment.nodes)], [null, tree], `#${number}`);
  }
  next.end();
}

for (const durability of ["crash", "disk"] as const) {
  Deno.test(`after a kill each commit is in the history once: ${durability}`, async () => {
    await using scratch = await makeScratch();
    for (const [round, { seed }] of roundsOf(3, 2).entries()) {
      withSeed((random) => {
        const life = new RecordedLife(`${scratch.path}/${round}`, { durability });
        for (let turn = 0; turn < 400; turn++) {
          for (let steps = random.below(6); steps > 0; steps--) step(life, random);
          life.turn();
          if (random.chance(0.5)) life.journal.maintain(random.chance(0.3));
          if (random.chance(0.3)) life.keeper!.maintain(random.chance(0.5));
          if (!random.chance(0.02)) continue;
          const copy = `${scratch.path}/copy-${round}-${turn}`;
          life.copyTo(copy);
          checkKilled(life, copy, durability);
        }
        life.end();
      }, seed);
    }
  });
}

for (const durability of ["crash", "disk"] as const) {
  Deno.test(`a transaction that was aborted is in the history after a kill: ${durability}`, async () => {
    await using scratch = await makeScratch();
    const life = new RecordedLife(`${scratch.path}/store`, { durability });
    const [client, other] = life.clients as [Client, Client];
    const id = parseInt(client.ask(T.TRANSACTION_START, "\0").split(" ")[1]!);
    client.ask(T.READ, "/a\0", id);
    client.ask(T.WRITE, "/b\x001", id);
    other.ask(T.WRITE, "/a\x001");
    life.turn();
    assertEquals(client.ask(T.TRANSACTION_END, "T\0", id), "ERROR EAGAIN\0");
    life.turn();
    life.copyTo(`${scratch.path}/copy`);
    const next = new RecordedLife(`${scratch.path}/copy`, { durability });
    assertEquals(listedPlain(next.history).map(({ number, type }) => [number, type]), [
      [1, "commit"],
      [2, "commit"],
      [3, "abort"],
      [4, "commit"],
    ]);
    next.end();
    life.end();
  });
}

Deno.test("what a turn that was not committed did is not in the history", async () => {
  await using scratch = await makeScratch();
  const life = new RecordedLife(`${scratch.path}/store`), [client] = life.clients as [Client];
  client.ask(T.WRITE, "/a\x001");
  life.turn();
  client.ask(T.WRITE, "/a\x002");
  life.copyTo(`${scratch.path}/copy`);
  const next = new RecordedLife(`${scratch.path}/copy`);
  assertEquals(listedPlain(next.history).map(({ number }) => number), [1, 2, 3]);
  assertEquals(next.nodes().filter((line) => line.startsWith("/a ")), ["/a 49 0"]);
  next.end();
  life.end();
});

Deno.test("what rides with turns does not get into the store file", async () => {
  await using scratch = await makeScratch();
  const old = "value-that-was-overwritten";
  const timesIn = (path: string, isRecorded: boolean): number => {
    const life = new RecordedLife(path, isRecorded ? {} : { bytes: null }), [client] = life.clients;
    for (let i = 0; i < 100; i++) {
      client!.ask(T.WRITE, `/a\0${old}`);
      client!.ask(T.WRITE, `/a\0${i}`);
      life.turn();
      client!.ask(T.WRITE, `/b/${i}\0${"x".repeat(200)}`);
      life.turn();
    }
    life.end();
    const text = new TextDecoder("latin1").decode(Deno.readFileSync(path));
    return text.split(old).length - 1;
  };
  assertEquals([timesIn(`${scratch.path}/on`, true), timesIn(`${scratch.path}/off`, false)], [
    0,
    0,
  ]);
});

Deno.test("a daemon without a history leaves a gap, and so does one whose history is lost", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`;
  const write = (life: RecordedLife, text: string): void => {
    life.clients[0]!.ask(T.WRITE, text);
    life.turn();
  };
  const first = new RecordedLife(path);
  write(first, "/a\x001");
  const { last } = first.history;
  first.end();
  const without = new RecordedLife(path, { bytes: null });
  write(without, "/a\x002");
  without.end();
  const second = new RecordedLife(path);
  const gap = listedPlain(second.history).find(({ type }) => type === "gap");
  assertEquals(gap?.type === "gap" && gap.first, last + 1);
  while (second.keeper!.maintain(true));
  const moment = finish(momentAt(second.history, second.history.last));
  assertEquals([moment.inexact(), lines(moment.nodes)], [null, second.nodes()]);
  const most = second.history.last;
  second.end();
  for (const end of ["", "-wal"]) {
    try {
      Deno.removeSync(`${path}.history${end}`);
    } catch {
      // There is no log after an orderly end.
    }
  }
  const third = new RecordedLife(path);
  assert(third.history.last > most, "no number is given twice");
  third.end();
});

Deno.test("the history of a store that is older than it begins with what the store has", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`;
  const older = new RecordedLife(path, { bytes: null });
  older.clients[0]!.ask(T.WRITE, "/old\x001");
  older.turn();
  older.end();
  const life = new RecordedLife(path);
  life.clients[0]!.ask(T.WRITE, "/new\x001");
  life.turn();
  while (life.keeper!.maintain(true));
  assertEquals(listedPlain(life.history).map(({ number }) => number).at(-1), 2);
  for (const number of [1, 2]) {
    const moment = finish(momentAt(life.history, number));
    assertEquals([moment.inexact(), lines(moment.nodes)], [null, life.trees.get(number)]);
  }
  life.end();
});

for (const durability of ["crash", "disk"] as const) {
  Deno.test(`a turn of too many commits for the journal is a gap, if a kill comes before it is saved: ${durability}`, async () => {
    await using scratch = await makeScratch();
    const life = new RecordedLife(`${scratch.path}/store`, { durability });
    const copy = `${scratch.path}/copy`, { keeper } = life, { last } = life.history;
    const committed = keeper!.committed.bind(keeper);
    keeper!.committed = (isCarried) => {
      life.copyTo(copy);
      committed(isCarried);
    };
    for (let i = 0; i < HISTORY_RIDING_RECORDS_MAX; i++) life.clients[0]!.ask(T.WRITE, `/a\0${i}`);
    life.clients[1]!.ask(T.WRITE, "/b\x001");
    const count = HISTORY_RIDING_RECORDS_MAX + 1;
    life.turn();
    const next = new RecordedLife(copy, { durability });
    const [gap, start, ...more] = listedPlain(next.history).filter(({ number }) => number > last);
    assert(gap?.type === "gap");
    assertEquals([gap.first, gap.number], [last + 1, last + count]);
    assertEquals(gap.missing.reduce((sum, { count }) => sum + count, 0), count);
    assertEquals([start?.number, more], [last + count + 1, []]);
    assertEquals(next.nodes(), life.nodes());
    const moment = finish(momentAt(next.history, next.history.last));
    assertEquals([moment.inexact(), lines(moment.nodes)], [null, next.nodes()]);
    next.end();
    life.end();
    // What was saved is there, and is no gap.
    const again = new RecordedLife(`${scratch.path}/store`, { durability });
    assert(listedPlain(again.history).every(({ type }) => type !== "gap"));
    again.end();
  });
}

Deno.test("numbers that cannot be reserved for want of space do not end the history", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`, life = new RecordedLife(path), { about } = life.journal;
  const reserved = Number(about!.get("commits")), set = about!.set.bind(about);
  about!.set = () => {
    throw new Error("database or disk is full");
  };
  const writeUpTo = (last: number): void => {
    while (life.history.last < last) {
      for (let i = 0; i < 500; i++) life.clients[0]!.ask(T.WRITE, `/a\0${i}`);
      life.turn();
      life.trees.clear();
    }
    life.journal.settle();
  };
  writeUpTo(reserved - 10_000);
  assertEquals([life.said, Number(about!.get("commits"))], [[], reserved]);
  about!.set = set;
  writeUpTo(life.history.last + 1);
  assert(Number(about!.get("commits")) > life.history.last + 10_000);
  life.end();
});

Deno.test("a kill soon after a start leaves no gap", async () => {
  await using scratch = await makeScratch();
  let path = `${scratch.path}/0`;
  const older = new RecordedLife(path, { bytes: null });
  older.end();
  const lives: RecordedLife[] = [];
  for (let kills = 1; kills < 4; kills++) {
    const life = new RecordedLife(path);
    life.clients[0]!.ask(T.WRITE, `/a\0${kills}`);
    life.turn();
    assertEquals(listedPlain(life.history).map(({ number }) => number), numbersTo(2 * kills));
    life.copyTo(path = `${scratch.path}/${kills}`);
    lives.push(life);
  }
  for (const life of lives) life.end();
});

function numbersTo(last: number): number[] {
  return Array.from({ length: last }, (_, i) => i + 1);
}

Deno.test("a history that cannot be used refuses no store: it is renamed, and a new one begins", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/store`;
  const first = new RecordedLife(path);
  first.clients[0]!.ask(T.WRITE, "/a\x001");
  first.turn();
  first.end();
  const bytes = Deno.readFileSync(`${path}.history`);
  bytes.fill(0x5a, 100, 8_000);
  Deno.writeFileSync(`${path}.history`, bytes);
  const second = new RecordedLife(path);
  second.clients[0]!.ask(T.WRITE, "/a\x002");
  second.turn();
  for (let i = 0; i < 20; i++) second.keeper!.maintain(true);
  assertEquals(second.nodes().filter((line) => line.startsWith("/a ")), ["/a 50 0"]);
  const names = [...Deno.readDirSync(scratch.path)].map(({ name }) => name);
  assert(names.some((name) => name.startsWith("store.history.damaged-")), names.join(" "));
  assert(second.said.some((text) => text.includes("a new one begins")), second.said.join("\n"));
  second.end();
});

Deno.test("the log says once that the store is too large for the history's bound", async () => {
  await using scratch = await makeScratch();
  const life = new RecordedLife(`${scratch.path}/store`, { bytes: 100_000 });
  const noise = (): string =>
    Array.from({ length: 60 }, () => Math.random().toString(36).slice(2)).join("");
  for (let i = 0; i < 600; i++) {
    life.clients[0]!.ask(T.WRITE, `/n/${i}\0${noise()}`);
    if (i % 10 === 0) life.turn();
    while (life.keeper!.maintain(true));
  }
  assertEquals(life.said.filter((text) => text.includes("raise --history")).length, 1);
  assert(life.history.bytes <= 100_000 * 1.5, `${life.history.bytes} bytes`);
  life.end();
});

Deno.test("numbers that are given while the history is not open are given once", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/a`, life = new RecordedLife(path), { keeper } = life;
  life.history.add = () => {
    throw new Error("it breaks");
  };
  const [client] = life.clients as [Client];
  for (let given = 0; given < 2 * HISTORY_NUMBERS_RESERVED; given += 1_000) {
    for (let i = 0; i < 1_000; i++) client.ask(T.WRITE, `/a\0${i}`);
    life.journal.commit();
  }
  assertEquals(keeper!.history, null);
  const { last } = keeper!.listener as Recorder;
  assert(last > 2 * HISTORY_NUMBERS_RESERVED);
  const copy = `${scratch.path}/b`;
  for (const end of ["", "-wal", ".tail"]) Deno.copyFileSync(`${path}${end}`, `${copy}${end}`);
  const next = new RecordedLife(copy);
  assert(next.history.last > last, `${next.history.last}, after ${last}`);
  next.end();
  life.end();
});

Deno.test("a turn has the time of its records, so that a moment by its time is the same in both", async () => {
  await using scratch = await makeScratch();
  const life = new RecordedLife(`${scratch.path}/store`), [client] = life.clients as [Client];
  client.ask(T.WRITE, "/a\x001");
  life.turn();
  const { at } = listedPlain(life.history).at(-1)!;
  life.copyTo(`${scratch.path}/copy`);
  const next = new RecordedLife(`${scratch.path}/copy`);
  assertEquals(next.journal.lastTurnAt, Math.floor(at / 1_000));
  next.end();
  life.end();
});

for (const durability of ["crash", "disk"] as const) {
  Deno.test(`after a kill commits that were folded are in the history, too: ${durability}`, async () => {
    await using scratch = await makeScratch();
    for (const [round, { seed }] of roundsOf(3, 2).entries()) {
      withSeed((random) => {
        let at = 1_700_000_000_000_000;
        const clock = { ...systemClock, wall: () => at += 20 };
        const life = new RecordedLife(`${scratch.path}/${round}`, { durability, clock });
        for (let turn = 0; turn < 600; turn++) {
          for (let steps = random.below(6); steps > 0; steps--) {
            if (random.chance(0.1)) step(life, random);
            else random.pick(life.clients).ask(T.WRITE, `/hot/${random.below(4)}\0${turn}`);
          }
          // A large value, so that images are due.
          life.clients[0]!.ask(T.WRITE, `/large\0${"x".repeat(3_000)}`);
          life.turn();
          for (let i = random.below(8); i > 0; i--) life.journal.maintain(random.chance(0.5));
          if (random.chance(0.1)) life.keeper!.maintain(random.chance(0.5));
          if (!random.chance(0.03)) continue;
          const copy = `${scratch.path}/copy-${round}-${turn}`, { last } = life.history;
          life.copyTo(copy);
          const next = new RecordedLife(copy, { durability, clock });
          const all = listedPlain(next.history).filter(({ number }) => number <= last);
          assertEquals(folded(all, life.history), folded(listedPlain(life.history), life.history));
          assertEquals(next.history.horizon!.number, life.history.horizon!.number);
          assertEquals(next.said, []);
          next.end();
        }
        life.end();
      }, seed);
    }
  });
}
