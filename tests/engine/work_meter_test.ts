/** What requests cost: counted in units, which grow as the work does. */
import { assert } from "@std/assert";
import { MessageType } from "../../lib/wire/message_type.ts";
import { Client, newEngine } from "../support/engine_client.ts";

const {
  MKDIR,
  READ,
  RESET_WATCHES,
  RM,
  SET_PERMS,
  TRANSACTION_END,
  TRANSACTION_START,
  WATCH,
  WRITE,
} = MessageType;

/** One client of domain 0, and what its requests cost. */
class Metered {
  readonly engine = newEngine();
  readonly client = new Client(this.engine, 0);

  units(type: MessageType, payload: string, txId = 0): number {
    this.engine.meter.take();
    this.client.ask(type, payload, txId);
    return this.engine.meter.take();
  }

  begin(): number {
    return Number(this.client.ask(TRANSACTION_START, "\0").split(/[ \0]/)[1]);
  }
}

const chain = (levels: number): string => "/c" + "/a".repeat(levels);

/** The same work, `size` times as much of it; returns the units. */
const WORKS: Readonly<Record<string, (size: number) => number>> = {
  "a read of a deep node": (size) => {
    const metered = new Metered();
    metered.units(MKDIR, `${chain(size)}\0`);
    return metered.units(READ, `${chain(size)}\0`);
  },
  "a chain of nodes made": (size) => new Metered().units(MKDIR, `${chain(size)}\0`),
  "a chain of nodes removed": (size) => {
    const metered = new Metered();
    metered.units(MKDIR, `${chain(size)}\0`);
    return metered.units(RM, "/c\0");
  },
  "watches dropped": (size) => {
    const metered = new Metered();
    for (let i = 0; i < size; i++) metered.units(WATCH, `/a\0${i}\0`);
    return metered.units(RESET_WATCHES, "\0");
  },
  "watches that a change fires": (size) => {
    const metered = new Metered();
    for (let i = 0; i < size; i++) metered.units(WATCH, `/a\0${i}\0`);
    return metered.units(WRITE, "/a/n\0x");
  },
  "watches below what is removed": (size) => {
    const metered = new Metered();
    for (let i = 0; i < size; i++) {
      metered.units(WRITE, `/c/${i}\0x`);
      metered.units(WATCH, `/c/${i}\0t\0`);
    }
    return metered.units(RM, "/c\0");
  },
  "permissions set": (size) => {
    const perms = "r1\0".repeat(size);
    return new Metered().units(SET_PERMS, `/a\0n0\0${perms}`);
  },
  "a commit of new nodes": (size) => {
    const metered = new Metered();
    const id = metered.begin();
    for (let i = 0; i < size; i++) metered.units(WRITE, `/c/${i}\0x`, id);
    return metered.units(TRANSACTION_END, "T\0", id);
  },
  "a commit of what was seen, behind another's change": (size) => {
    const metered = new Metered();
    for (let i = 0; i < size; i++) metered.units(WRITE, `/c/${i}\0x`);
    const id = metered.begin();
    for (let i = 0; i < size; i++) metered.units(READ, `/c/${i}\0`, id);
    metered.units(WRITE, "/c/new\0x", id);
    metered.units(WRITE, "/b/other\0x");
    return metered.units(TRANSACTION_END, "T\0", id);
  },
};

for (const [name, work] of Object.entries(WORKS)) {
  Deno.test(`meter: ${name}: ten times the work is some ten times the units`, () => {
    const [small, large] = [work(50), work(500)];
    const times = large / small;
    assert(times > 5 && times < 15, `${small} and ${large} units: ${times} times as many`);
  });
}

Deno.test("meter: a commit costs no more than was estimated", () => {
  const metered = new Metered();
  const { client: { connection }, engine } = metered;
  const id = metered.begin();
  for (let i = 0; i < 300; i++) {
    metered.units(i % 2 === 0 ? WRITE : MKDIR, `/c/d${i % 7}/${i}\0`, id);
  }
  metered.units(RM, "/c/d3\0", id);
  metered.units(WRITE, "/b/other\0x");
  const header = { type: TRANSACTION_END, reqId: 0, txId: id, len: 2 };
  const bytes = new Uint8Array(18);
  const estimate = engine.estimate(connection, header, bytes, 0);
  assert(engine.estimate(connection, { ...header, type: RM }, bytes, 0) === 0);
  assert(engine.estimate(connection, { ...header, txId: id + 1 }, bytes, 0) === 0);
  const units = metered.units(TRANSACTION_END, "T\0", id);
  assert(metered.client.reply.startsWith("TRANSACTION_END"), metered.client.reply);
  assert(units > estimate / 10 && units <= estimate, `${units} units of ${estimate}`);
});
