/** What is told of a request's cost before it is done, against what it then costs: in units, nothing is timed. */
import { assert, assertEquals } from "@std/assert";
import type { Connection } from "../../lib/engine/connection.ts";
import { DOMAIN_EXISTS } from "../../lib/engine/domain_control.ts";
import { QUOTAS } from "../../lib/engine/quotas.ts";
import { Dirty } from "../../lib/engine/dirty.ts";
import { Engine } from "../../lib/engine/engine.ts";
import {
  RECORDED_BYTES_SHIFT,
  RECORDED_PATH_SHIFT,
  RECORDED_UNITS,
} from "../../lib/engine/work_meter.ts";
import { Recorder } from "../../lib/history/recorder.ts";
import { PREPAID_UNITS_MIN } from "../../lib/limits.ts";
import { Redaction } from "../../lib/store/redaction.ts";
import { encodeMessage } from "../../lib/wire/header.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";

/** One client of domain 0, or a guest. The tree marks its changes, as it does for a store with a journal. */
class Metered {
  readonly engine: Engine;
  readonly #client: Connection;
  #replied = 0;

  /** Whether each change is recorded, too. */
  constructor(isRecorded = false, domid = 0) {
    const listener = new Recorder({ wall: () => 0, redaction: new Redaction() });
    this.engine = new Engine({
      domains: {
        info: (domid) => domid === 0 ? null : { domid, state: DOMAIN_EXISTS, uniqueId: 1n },
        open: () => 8,
        reset: () => {},
        close: () => {},
      },
      dirty: new Dirty(),
      ...(isRecorded ? { listener } : {}),
    });
    const { state } = this.engine;
    if (domid !== 0) {
      for (const { name } of QUOTAS) state.domains.quotas.set(name, 0);
      state.domains.know(domid);
      const home = `/local/domain/${domid}`;
      state.tree.create(home, [domid], { label: "set-up" }, 0);
    }
    this.#client = this.engine.connect({
      kind: domid === 0 ? "socket" : "ring",
      domid,
      label: "socket",
      outbox: { reply: (type): void => void (this.#replied = type), event: (): void => {} },
      ...(domid === 0 ? { key: 70_000 } : {}),
    });
  }

  /** What a request is estimated to cost, and what it costs. */
  ask(type: number, payload: string, txId = 0): { estimate: number; units: number } {
    const body = toBytes(payload);
    const header = { type, reqId: 0, txId, len: body.length };
    // Somewhere behind other bytes.
    const bytes = toBytes("/".repeat(100));
    const message = new Uint8Array(100 + 16 + body.length);
    message.set(bytes);
    message.set(encodeMessage(type, 0, txId, body), 100);
    const estimate = this.engine.estimate(this.#client, header, message, 100);
    this.engine.meter.take();
    this.engine.handle(this.#client, header, body, 0);
    assertEquals(this.#replied, type);
    return { estimate, units: this.engine.meter.take() };
  }
}

const deep = "/a".repeat(990);

const LONG: Readonly<Record<string, (metered: Metered) => { estimate: number; units: number }>> = {
  "MKDIR of a deep path": (metered) => metered.ask(T.MKDIR, `${deep}\0`),
  "WRITE to a deep path": (metered) => metered.ask(T.WRITE, `${deep}\0value`),
  "WATCH with a long path": (metered) => metered.ask(T.WATCH, `${deep}\0token\0`),
  "SET_PERMS with many entries": (metered) =>
    metered.ask(T.SET_PERMS, `/tool\0n0\0${"r12\0".repeat(900)}`),
  "RESET_WATCHES of a hundred": (metered) => {
    for (let i = 0; i < 100; i++) metered.ask(T.WATCH, `/w${i}\0t\0`);
    return metered.ask(T.RESET_WATCHES, "\0");
  },
  "commit of two hundred nodes": (metered) => {
    metered.ask(T.TRANSACTION_START, "\0");
    for (let i = 0; i < 200; i++) metered.ask(T.WRITE, `/c/${i}\0v`, 1);
    return metered.ask(T.TRANSACTION_END, "T\0", 1);
  },
};

for (const [name, work] of Object.entries(LONG)) {
  Deno.test(`estimate: a ${name} is charged ahead, within a factor of three`, () => {
    for (const isRecorded of [false, true]) {
      const { estimate, units } = work(new Metered(isRecorded));
      assert(estimate > PREPAID_UNITS_MIN, `${estimate} units`);
      const part = estimate / units;
      assert(part > 0.5 && part < 3, `${estimate} units, not ${units}`);
    }
  });
}

/** A guest that owns a chain of 800 nodes, and what it asks for next. */
function ofGuest(isRecorded: boolean, type: number, payload: string): [number, number] {
  const metered = new Metered(isRecorded, 1);
  metered.ask(T.MKDIR, `${"a/".repeat(799)}a\0`);
  metered.ask(T.MKDIR, "b\0");
  if (type === T.TRANSACTION_END) {
    metered.ask(T.TRANSACTION_START, "\0");
    metered.ask(T.RM, "a\0", 1);
  }
  const { estimate, units } = metered.ask(type, payload, type === T.RM ? 0 : 1);
  return [estimate, units];
}

Deno.test("estimate: what a guest removes is charged ahead as all that it owns, within a factor of three", () => {
  for (const isRecorded of [false, true]) {
    const [estimate, units] = ofGuest(isRecorded, T.RM, "a\0");
    const part = estimate / units;
    assert(estimate > PREPAID_UNITS_MIN && part > 0.5 && part < 3, `${estimate}, not ${units}`);
  }
  const [estimate, units] = ofGuest(true, T.TRANSACTION_END, "T\0");
  assert(estimate > units / 2 && estimate < 3 * units, `${estimate} units, not ${units}`);
  // To remove less costs less. It is charged as much ahead, and what is too much comes back.
  assertEquals(ofGuest(true, T.RM, "b\0")[0], ofGuest(true, T.RM, "a\0")[0]);
});

Deno.test("estimate: short requests, and long ones that cost little, are not charged ahead", () => {
  const metered = new Metered();
  const requests: readonly [type: number, payload: string][] = [
    [T.MKDIR, "/a\0"],
    [T.WRITE, `/a/b/c\0${"/".repeat(3_000)}`],
    [T.WATCH, "/a/b\0token\0"],
    [T.READ, "/a/b/c\0"],
    [T.SET_PERMS, "/a\0n0\0r1\0"],
    [T.RESET_WATCHES, "\0"],
    [T.TRANSACTION_START, "\0"],
  ];
  for (const [type, payload] of requests) {
    const { estimate } = metered.ask(type, payload);
    assert(estimate <= PREPAID_UNITS_MIN, `${estimate} units for type ${type}`);
  }
});

/** What a request costs more where each change is recorded. */
function unitsRecorded(prepare: (metered: Metered) => void, type: number, payload: string): number {
  const [silent, recorded] = [false, true].map((isRecorded) => {
    const metered = new Metered(isRecorded);
    prepare(metered);
    return metered.ask(type, payload).units;
  });
  return recorded! - silent!;
}

Deno.test("meter: what is recorded is paid for, by its changes, its paths and its bytes", () => {
  const nothing = (): void => {};
  const value = "v".repeat(2_000);
  const hasValue = (metered: Metered): void => void metered.ask(T.WRITE, `/x\0${value}`);
  const hasChain = (metered: Metered): void => void metered.ask(T.MKDIR, `${deep}\0`);
  const chain = 990 * RECORDED_UNITS + (990 * deep.length / 2 >> RECORDED_PATH_SHIFT);
  const cases: readonly [least: number, units: number][] = [
    // The old value and the new one.
    [4_000 >> RECORDED_BYTES_SHIFT, unitsRecorded(hasValue, T.SET_PERMS, "/x\0n0\0r1\0")],
    [2_000 >> RECORDED_BYTES_SHIFT, unitsRecorded(hasValue, T.RM, "/x\0")],
    [chain, unitsRecorded(nothing, T.MKDIR, `${deep}\0`)],
    [chain, unitsRecorded(hasChain, T.RM, "/a\0")],
  ];
  for (const [least, units] of cases) {
    assert(units >= 0.9 * least && units <= 1.5 * least, `${units} units, not ${least}`);
  }
  assertEquals(unitsRecorded(nothing, T.WRITE, "/x\0a short value"), 0, "a small change");
});
