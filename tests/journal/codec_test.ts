import { assertEquals } from "@std/assert";
import type { RingState } from "../../lib/state/ring_state.ts";
import { QUOTAS } from "../../lib/engine/quotas.ts";
import { ByteReader, DamagedError } from "../../lib/codec/journal/byte_reader.ts";
import { ByteWriter } from "../../lib/codec/journal/byte_writer.ts";
import * as changes from "../../lib/codec/journal/changes.ts";
import type { NodeRecord, NodeState } from "../../lib/codec/journal/node_record.ts";
import { NodeWriter } from "../../lib/codec/journal/node_writer.ts";
import { domain as domainRecord } from "../support/records.ts";
import { transactionOf } from "../../lib/state/bare_records.ts";
import type { Domain, HeldSocket, Setting, Transaction } from "../../lib/state/records.ts";
import { newNode } from "../../lib/store/node.ts";
import type { Perms } from "../../lib/store/perms.ts";
import { PERMS_ONLY } from "../../lib/store/tree_loader.ts";
import { toText } from "../../lib/wire/text.ts";
import { type Random, withSeed } from "../support/random.ts";

/** Writes down, in words, all that it is told. */
class Words implements changes.ChangeSink {
  readonly lines: string[] = [];
  #add(what: string, ...about: unknown[]): void {
    this.lines.push(`${what} ${
      JSON.stringify(about, (_, value) => {
        if (value instanceof Uint8Array) return toText(value);
        if (value instanceof Map) return [...value];
        return typeof value === "bigint" ? `${value}` : value;
      })
    }`);
  }
  node({ path, value, perms, generation, ordinal }: NodeState): void {
    this.#add("node", path, value, perms, generation, ordinal);
  }
  nodePart(node: NodeRecord): void {
    if (node.part === PERMS_ONLY) this.part(node.path, node.generation, node.perms);
    else this.part(node.path, node.generation);
  }
  part(path: string, generation: number, perms?: Perms): void {
    this.#add("part", path, generation, perms);
  }
  nodeGone(path: string): void {
    this.#add("gone", path);
  }
  domain(domain: Domain): void {
    const { domid, uniqueId, introduced, hasRing, port, target, features } = domain;
    const { shutdownSeen, quotas } = domain;
    this.#add("domain", domid, uniqueId, introduced, hasRing, port, target, features);
    this.#add("with", shutdownSeen, quotas);
  }
  domainGone(domid: number): void {
    this.#add("domain gone", domid);
  }
  watch({ key, path, token, relative, depth }: changes.WatchState): void {
    this.#add("watch", key, path, token, relative, depth);
  }
  held({ key, domid, label }: HeldSocket): void {
    this.#add("held", key, domid, label);
  }
  heldGone(key: number): void {
    this.#add("held gone", key);
  }
  unwatch(key: number, path: string, token: string): void {
    this.#add("unwatch", key, path, token);
  }
  transaction(key: number, id: number, open: Transaction | null): void {
    this.#add("transaction", key, id, open?.generation, open?.wrote);
  }
  idsGiven(key: number, idLast: number): void {
    this.#add("ids given", key, idLast);
  }
  quotas(values: ReadonlyMap<string, number>): void {
    this.#add("quotas", values);
  }
  setting(name: string, setting: Setting | null): void {
    this.#add("setting", name, setting?.value, setting?.configured);
  }
  othersGone(): void {
    this.#add("others gone");
  }
  staged({ path, value, perms, generation, ordinal }: NodeState): void {
    this.#add("staged", path, value, perms, generation, ordinal);
  }
  adopted(): void {
    this.#add("adopted");
  }
  heard(): void {
    this.#add("heard");
  }
  end(): void {
    this.#add("end");
  }
  ring(ring: RingState): void {
    const { key, requestsTaken, partial, responsesEnd, responses, unsent } = ring;
    this.#add("ring", key, requestsTaken, partial, responsesEnd, responses, unsent);
    this.#add("with", ring.reset, ring.ignored);
  }
}

function randomBytes(random: Random, most: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: random.below(most + 1) }, () => random.below(256));
}

function randomPath(random: Random): string {
  if (random.chance(0.1)) return random.pick(["/", "@releaseDomain", "@introduceDomain/5"]);
  let path = "";
  for (let depth = random.below(5); depth >= 0; depth--) {
    path += `/${random.pick(["a", "-", "_9", "@", "local", "x".repeat(random.below(200) + 1)])}`;
  }
  return path;
}

function u32(random: Random): number {
  return random.pick([0, 1, 0x7fffffff, 0xffffffff, random.below(0x100000000)]);
}

function randomQuotas(random: Random): Map<string, number> {
  const quotas = new Map<string, number>(QUOTAS.map(({ name, value }) => [name, value]));
  // Mostly the same, as in most stores.
  if (random.chance(0.5)) return quotas;
  for (const { name } of QUOTAS) if (random.chance(0.3)) quotas.set(name, u32(random));
  return quotas;
}

/** Of each string of changes the one that knows its last path. */
const writers = new WeakMap<ByteWriter, NodeWriter>();

function writerOf(to: ByteWriter): NodeWriter {
  let writer = writers.get(to);
  if (writer === undefined) writers.set(to, writer = new NodeWriter(to));
  return writer;
}

/** Puts a random change, and tells `expected` what is to be read. */
function putRandom(random: Random, to: ByteWriter, expected: Words): void {
  const domid = random.below(65536);
  /** Of a ring, or of a held socket. */
  const key = random.chance(0.5) ? domid : 0x10000 + random.below(0xffff_0000);
  const path = randomPath(random);
  const token = toText(randomBytes(random, 60));
  switch (random.below(13)) {
    case 0: {
      const perms = Array.from({ length: 1 + random.below(6) }, () => random.below(1 << 19));
      const node = newNode("x", random.below(2 ** 40), 0, perms);
      node.value = randomBytes(random, 3000);
      node.generation = random.below(Number.MAX_SAFE_INTEGER);
      const { value, generation, ordinal } = node;
      if (random.chance(0.3)) {
        changes.putStaged(to, path, node);
        return expected.staged({ path, value, perms, generation, ordinal });
      }
      if (random.chance(0.3)) {
        writerOf(to).perms(path, node);
        return expected.part(path, generation, perms);
      }
      if (random.chance(0.3)) {
        writerOf(to).generation(path, node);
        return expected.part(path, generation);
      }
      if (random.chance(0.5)) writerOf(to).whole(path, node);
      else changes.putNode(to, path, node);
      return expected.node({ path, value, perms, generation, ordinal });
    }
    case 1:
      changes.putNodeGone(to, `/a${path === "/" || path[0] === "@" ? "" : path}`);
      return expected.nodeGone(`/a${path === "/" || path[0] === "@" ? "" : path}`);
    case 2: {
      const domain = domainRecord(domid, {
        uniqueId: BigInt(u32(random)) << 31n,
        introduced: random.chance(0.5),
        hasRing: random.chance(0.5),
        port: u32(random),
        target: random.chance(0.5) ? null : random.below(0xffff),
        features: random.below(16),
        shutdownSeen: random.chance(0.5),
        quotas: randomQuotas(random),
      });
      changes.putDomain(to, domain);
      return expected.domain(domain);
    }
    case 3:
      changes.putDomainGone(to, domid);
      return expected.domainGone(domid);
    case 4:
    case 5: {
      const depth = random.chance(0.5) ? -1 : random.below(1000);
      const watch = { key, path, token, relative: random.chance(0.5), depth };
      if (random.chance(0.5)) {
        changes.putWatch(to, key, watch);
        return expected.watch(watch);
      }
      changes.putUnwatch(to, key, path, token);
      return expected.unwatch(key, path, token);
    }
    case 6: {
      const id = u32(random);
      if (random.chance(0.2)) {
        changes.putIdsGiven(to, key, id);
        return expected.idsGiven(key, id);
      }
      const generation = random.below(Number.MAX_SAFE_INTEGER);
      const open = random.chance(0.5) ? { generation, wrote: random.chance(0.5) } : null;
      changes.putTransaction(to, key, id, open);
      return expected.transaction(
        key,
        id,
        open && { ...transactionOf(key, id), ...open },
      );
    }
    case 8:
      if (random.chance(0.5)) {
        if (random.chance(0.5)) {
          changes.putHeard(to);
          return expected.heard();
        }
        changes.putAdopted(to);
        return expected.adopted();
      }
      changes.putOthersGone(to);
      return expected.othersGone();
    case 7: {
      const quotas = randomQuotas(random);
      changes.putQuotas(to, quotas);
      return expected.quotas(quotas);
    }
    case 9: {
      const held = { key, domid, label: token };
      changes.putHeld(to, held);
      return expected.held(held);
    }
    case 10:
      changes.putHeldGone(to, key);
      return expected.heldGone(key);
    case 11: {
      const configured = random.chance(0.5) ? null : toText(randomBytes(random, 60));
      const setting: Setting | null = random.chance(0.2)
        ? null
        : { kind: "setting", name: path, value: token, configured };
      changes.putSetting(to, path, setting);
      return expected.setting(path, setting);
    }
    default: {
      const ring: RingState = {
        key,
        requestsTaken: u32(random),
        partial: randomBytes(random, 200),
        responsesEnd: u32(random),
        responses: randomBytes(random, 2000),
        unsent: u32(random),
        reset: random.chance(0.5),
        ignored: random.chance(0.5),
      };
      changes.putRing(to, ring);
      return expected.ring(ring);
    }
  }
}

Deno.test("changes: what is read is what was written", () => {
  withSeed((random) => {
    for (let round = 0; round < 300; round++) {
      const to = new ByteWriter(1 + random.below(64));
      const expected = new Words(), read = new Words();
      for (let count = random.below(20); count > 0; count--) putRandom(random, to, expected);
      changes.readChanges(new ByteReader(to.written), read);
      assertEquals(read.lines, expected.lines);
    }
  });
});

Deno.test("changes: bytes that are none end in a DamagedError and in nothing else", () => {
  withSeed((random) => {
    let damaged = 0;
    for (let round = 0; round < 3000; round++) {
      const to = new ByteWriter(64);
      for (let count = 1 + random.below(4); count > 0; count--) putRandom(random, to, new Words());
      let bytes = random.chance(0.1) ? randomBytes(random, 200) : to.written.slice();
      for (let flips = random.below(4); flips > 0 && bytes.length > 0; flips--) {
        bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
      }
      if (random.chance(0.4)) bytes = bytes.slice(0, random.below(bytes.length + 1));
      const read = new Words();
      try {
        changes.readChanges(new ByteReader(bytes), read);
      } catch (error) {
        if (!(error instanceof DamagedError)) throw error;
        damaged++;
      }
      // Each change takes a byte at least, so that reading ends.
      assertEquals(read.lines.length <= 2 * bytes.length, true);
    }
    assertEquals(damaged > 300, true, `${damaged} of 3000 were damaged`);
  });
});
