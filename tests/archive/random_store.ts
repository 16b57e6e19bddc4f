/** Stores with something of everything, made by random requests. */
import { QUOTAS } from "../../lib/engine/quotas.ts";
import { snapshot } from "../../lib/persist/snapshot.ts";
import type { StateRecord } from "../../lib/state/records.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import type { State } from "../../lib/engine/state.ts";
import { randomRequest } from "../support/engine_client.ts";
import type { Hypervisor, Life } from "../support/lives.ts";
import type { Random } from "../support/random.ts";

export const GUESTS = [1, 2, 3];

/** Gives a new life its guests, nodes, watches, transactions and quotas. */
export function fill(random: Random, hypervisor: Hypervisor, life: Life): void {
  for (const domid of GUESTS) {
    hypervisor.create(domid);
    life.ask(0, MessageType.INTRODUCE, `${domid}\0${1}\0${10 + domid}\0`);
    life.ask(0, MessageType.WRITE, `/local/domain/${domid}/name\0guest ${domid}`);
    life.ask(0, MessageType.SET_PERMS, `/local/domain/${domid}\0b${domid}\0r0\0`);
  }
  for (let count = 50 + random.below(300); count > 0; count--) step(random, life);
}

function step(random: Random, life: Life): void {
  const domid = random.pick([0, ...GUESTS]);
  const dice = random.next();
  if (dice < 0.7) {
    const [type, payload] = randomRequest(random);
    life.ask(domid, type, payload);
  } else if (dice < 0.8) {
    const path = random.pick(["/a", "/a/b", "c", "@releaseDomain", "/"]);
    const depth = random.chance(0.3) ? `${random.pick([0, 2, 60000])}\0` : "";
    life.ask(domid, MessageType.WATCH, `${path}\0${random.pick(["t", "u", "\xff b"])}\0${depth}`);
  } else if (dice < 0.9) {
    const reply = life.ask(domid, MessageType.TRANSACTION_START, "\0");
    const id = parseInt(reply?.split(" ")[1] ?? "");
    for (let i = 0; id > 0 && i < 3; i++) {
      const [type, payload] = randomRequest(random);
      life.ask(domid, type, payload, id);
    }
    if (random.chance(0.5)) life.ask(domid, MessageType.TRANSACTION_END, "T\0", id);
  } else privileged(random, life);
}

function privileged(random: Random, life: Life): void {
  const domid = random.pick(GUESTS);
  const ask = (type: number, ...words: (string | number)[]): void =>
    void life.ask(0, type, words.map((word) => `${word}\0`).join(""));
  switch (random.below(4)) {
    case 0:
      return ask(MessageType.SET_PERMS, "@releaseDomain", ...random.pick([["n0", "r1"], ["n2"]]));
    case 1:
      return ask(
        MessageType.SET_QUOTA,
        ...(random.chance(0.5) ? [domid] : []),
        random.pick(QUOTAS).name,
        2000 + random.below(1_000_000),
      );
    case 2:
      return ask(MessageType.SET_TARGET, domid, random.pick(GUESTS));
    default:
      return ask(MessageType.SET_PERMS, "/local/domain/1/name", "n1", `r${random.below(9)}`);
  }
}

/** All records of a state. */
export function recordsOf(state: State, domid?: number): StateRecord[] {
  return [...snapshot(state, domid === undefined ? {} : { domid }).records];
}
