/** What many changes come to, told in few: a store that has either is the same. */
import { assert, assertEquals } from "@std/assert";
import { Engine } from "../../lib/engine/engine.ts";
import { ByteReader } from "../../lib/codec/journal/byte_reader.ts";
import { ByteWriter } from "../../lib/codec/journal/byte_writer.ts";
import * as changes from "../../lib/codec/journal/changes.ts";
import { NetChanges } from "../../lib/journal/net_changes.ts";
import { NodeWriter } from "../../lib/codec/journal/node_writer.ts";
import { Replay } from "../../lib/journal/replay.ts";
import { subtree } from "../../lib/store/lookup.ts";
import { toText } from "../../lib/wire/text.ts";
import { domain } from "../support/records.ts";
import { type Random, withSeed } from "../support/random.ts";
import { Hypervisor } from "../support/lives.ts";

const DOMIDS = [1, 2, 3];
const HELD_FIRST = 0x10000;

/** Changes as a life makes them: nothing ends that is not there. */
class Maker {
  readonly #watches = new Map<number, Set<string>>();
  readonly #open = new Map<number, Set<number>>();
  readonly #ids = new Map<number, number>();
  readonly #sent = new Map<number, number>();
  readonly #keys = new Set<number>();
  #heldLast = HELD_FIRST;

  constructor(private readonly random: Random) {}

  put(to: ByteWriter, nodes: NodeWriter): void {
    const { random } = this;
    const dice = random.next();
    if (dice < 0.08) return this.#comeOrGo(to);
    const key = random.pick([...DOMIDS, ...this.#keys]);
    if (key < HELD_FIRST && !this.#keys.has(key)) return this.#introduce(to, key);
    if (dice < 0.5) this.#watch(to, key);
    else if (dice < 0.7) this.#transaction(to, key);
    else if (dice < 0.85) this.#ring(to, key);
    else if (dice < 0.9) {
      changes.putSetting(to, "trace", {
        kind: "setting",
        name: "trace",
        value: `${random.below(9)}`,
        configured: null,
      });
    } else nodes.whole(`/n${random.below(5)}`, this.#node());
  }

  #node(): { generation: number; ordinal: number; perms: number[]; value: Uint8Array } {
    const generation = this.random.below(1_000);
    return { generation, ordinal: generation, perms: [0], value: new Uint8Array(0) };
  }

  #introduce(to: ByteWriter, domid: number): void {
    this.#keys.add(domid);
    changes.putDomain(
      to,
      domain(domid, {
        uniqueId: BigInt(this.random.below(1_000)),
        introduced: true,
        hasRing: true,
        port: 3,
        target: null,
        features: 0,
        shutdownSeen: false,
        quotas: new Map([["nodes", this.random.below(9)]]),
      }),
    );
  }

  #comeOrGo(to: ByteWriter): void {
    const { random } = this;
    if (random.chance(0.4)) {
      const key = ++this.#heldLast;
      this.#keys.add(key);
      return changes.putHeld(to, { key, domid: 0, label: `held ${key}` });
    }
    const gone = random.pick([...this.#keys, -1]);
    if (gone < 0) return;
    for (const known of [this.#watches, this.#open, this.#ids, this.#sent]) known.delete(gone);
    this.#keys.delete(gone);
    if (gone < HELD_FIRST) changes.putDomainGone(to, gone);
    else changes.putHeldGone(to, gone);
  }

  #watch(to: ByteWriter, key: number): void {
    const watches = this.#watches.getOrInsertComputed(key, () => new Set());
    const path = `/w${this.random.below(6)}`;
    if (watches.delete(path)) return changes.putUnwatch(to, key, path, "t");
    watches.add(path);
    const depth = this.random.below(3) - 1;
    changes.putWatch(to, key, { path, token: "t", relative: false, depth });
  }

  #transaction(to: ByteWriter, key: number): void {
    const { random } = this;
    const open = this.#open.getOrInsertComputed(key, () => new Set());
    const last = this.#ids.get(key) ?? 0;
    const dice = random.next();
    if (dice < 0.4 || open.size === 0) {
      this.#ids.set(key, last + 1);
      if (dice < 0.1) return changes.putIdsGiven(to, key, last + 1);
      open.add(last + 1);
      return changes.putTransaction(to, key, last + 1, {
        generation: 5,
        wrote: random.chance(0.3),
      });
    }
    const id = random.pick([...open]);
    if (dice < 0.6) return changes.putTransaction(to, key, id, { generation: 5, wrote: true });
    open.delete(id);
    changes.putTransaction(to, key, id, null);
  }

  /** More bytes are owed, or some of them were sent. */
  #ring(to: ByteWriter, key: number): void {
    const { random } = this;
    const added = random.below(20), before = this.#sent.get(key) ?? 0;
    const unsent = random.below(before + added + 1);
    this.#sent.set(key, unsent);
    const end = random.below(1 << 30);
    changes.putRing(to, {
      key,
      requestsTaken: end,
      partial: new Uint8Array(random.below(3)),
      responsesEnd: this.#end(key, added),
      responses: new Uint8Array(Math.min(added, unsent)).map(() => random.below(256)),
      unsent,
      reset: false,
      ignored: random.chance(0.1),
    });
  }

  readonly #ends = new Map<number, number>();

  #end(key: number, added: number): number {
    const end = (this.#ends.get(key) ?? 0) + added;
    this.#ends.set(key, end);
    return end;
  }
}

/** What a life finds that reads these changes, a thing a line. */
function recovered(strings: readonly Uint8Array[]): string[] {
  const { state } = new Engine({ domains: new Hypervisor() });
  const replay = new Replay(state.tree);
  for (const bytes of strings) changes.readChanges(new ByteReader(bytes), replay);
  replay.end();
  const lines = [...subtree(state.tree.root)].map(([path, { generation }]) =>
    `${path} ${generation}`
  );
  const { connections, domains, settings } = replay.records();
  for (const [name, { value }] of settings) lines.push(`setting ${name} ${value}`);
  for (const { domid, quotas, uniqueId } of domains.values()) {
    lines.push(`domain ${domid} ${uniqueId} ${[...quotas!]}`);
  }
  for (const { record, transactions, watches } of connections.values()) {
    const { end, id, ignored, input, output, position, transactionIdLast } = record;
    const label = end.kind === "socket" ? end.held!.label : "";
    lines.push(
      `${id} ${label} ${[...watches.values()].map(({ path, depth }) => `${path} ${depth}`)}`,
    );
    lines.push(
      `${id} ids ${transactionIdLast} ${
        [...transactions].sort(([a], [b]) => a - b).map(([id, { wrote }]) => `${id} ${wrote}`)
      }`,
    );
    if (position === null) continue;
    const { requestsTaken, responsesEnd, unsent } = position;
    lines.push(
      `${id} ${
        toText(output)
      } ${responsesEnd} ${requestsTaken} ${unsent} ${input.length} ${ignored}`,
    );
  }
  return lines.sort();
}

Deno.test("net changes: what comes of many changes is what they come to, one after the other", () => {
  withSeed((random) => {
    let before = 0, after = 0;
    for (let round = 0; round < 300; round++) {
      const maker = new Maker(random);
      const strings: Uint8Array[] = [];
      const make = (count: number): void => {
        const to = new ByteWriter(64), nodes = new NodeWriter(to);
        for (let i = 0; i < count; i++) maker.put(to, nodes);
        strings.push(to.written.slice());
      };
      make(random.below(40));
      for (let turns = 0; turns < 5; turns++) make(random.below(40));
      const net = new NetChanges();
      for (const bytes of strings.slice(1)) {
        changes.readChanges(new ByteReader(bytes), net);
      }
      const compacted = net.finish();
      assertEquals(recovered([strings[0]!, compacted]), recovered(strings));
      before += strings.slice(1).reduce((sum, { length }) => sum + length, 0);
      after += compacted.length;
    }
    assert(after < before * 0.8, `${after} bytes of ${before}`);
  });
});
