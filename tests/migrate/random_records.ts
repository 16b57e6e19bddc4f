import type { Domain, StateRecord } from "../../lib/state/records.ts";
import { asStale, permEntry, type Perms } from "../../lib/store/perms.ts";
import { toText } from "../../lib/wire/text.ts";
import {
  domain,
  node,
  ring,
  socket,
  special,
  transaction,
  transactionNode,
  watch,
} from "../support/records.ts";
import type { Random } from "../support/random.ts";

export function randomBytes(random: Random, most: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: random.below(most + 1) }, () => random.below(256));
}

/** Characters that are bytes other than NUL. */
function randomText(random: Random, most: number): string {
  return toText(randomBytes(random, most)).replaceAll("\0", "x");
}

function randomPath(random: Random): string {
  if (random.chance(0.1)) return random.pick(["/", "@releaseDomain", "relative/path", "x"]);
  let path = "";
  for (let depth = random.below(5); depth >= 0; depth--) {
    path += `/${random.pick(["a", "-", "_9", "local", "x".repeat(random.below(300) + 1)])}`;
  }
  return path;
}

function u16(random: Random): number {
  return random.pick([0, 1, 0x7fff, 0xffff, random.below(0x10000)]);
}

function u32(random: Random): number {
  return random.pick([0, 1, 0x7fffffff, 0xffffffff, random.below(0x100000000)]);
}

function u64(random: Random): bigint {
  return BigInt(u32(random)) << 32n | BigInt(u32(random));
}

/** A domid, or null for none: the value that means none is not given. */
function target(random: Random): number | null {
  return random.chance(0.5) ? null : random.below(0x7ff4);
}

function randomPerms(random: Random, least: number): Perms {
  return Array.from({ length: least + random.below(4) }, () => {
    const entry = permEntry(u16(random), random.below(4));
    return random.chance(0.2) ? asStale(entry) : entry;
  });
}

function randomQuotas(random: Random): Map<string, number> {
  const quotas = new Map<string, number>();
  for (let i = random.below(4); i > 0; i--) quotas.set(randomText(random, 20), u32(random));
  return quotas;
}

/** Any record but of a domain that fits version 2; what they say together makes no sense. */
function randomRecord(random: Random): StateRecord {
  const id = u32(random);
  switch (random.below(13)) {
    case 0:
      return { kind: "descriptors", socketFd: random.below(100) - 1, eventChannelFd: 0x7fffffff };
    case 1:
      return { kind: "quota", domain: randomQuotas(random), global: randomQuotas(random) };
    case 2:
    case 3: {
      const output = randomBytes(random, 500);
      const about = {
        input: randomBytes(random, 100),
        output,
        partialResponse: random.below(output.length + 1),
        transactionIdLast: random.chance(0.5) ? null : u32(random),
      };
      const ignored = about.transactionIdLast !== null && random.chance(0.5);
      return socket(id, random.below(100) - 1, { ...about, ignored });
    }
    case 4:
    case 5: {
      const depth = random.chance(0.5) ? Infinity : random.below(0xffff);
      return watch(id, randomPath(random), randomText(random, 60), depth);
    }
    case 6:
      return transaction(id, u32(random), random.chance(0.5) ? null : u32(random));
    case 7: {
      const name = randomText(random, 30), value = randomText(random, 30);
      const configured = random.chance(0.5) ? null : randomText(random, 30);
      return { kind: "setting", name, value, configured };
    }
    case 8:
      return special("@releaseDomain", randomPerms(random, 0));
    case 9:
      return transactionNode(id || 1, u32(random), randomPath(random), {
        value: randomBytes(random, 100),
        access: random.below(4),
        perms: randomPerms(random, 0),
      });
    default: {
      const path = randomPath(random), most = random.chance(0.05) ? 0xffff : 100;
      const value = randomBytes(random, most), perms = randomPerms(random, 0);
      return path.startsWith("@") ? special(path, perms) : node(path, value, perms);
    }
  }
}

/** Some domains of which all is told, or only what a ring's record says, or their own. */
function randomDomains(random: Random): Domain[] {
  const domains = new Map<number, Domain>();
  for (let count = random.below(4); count > 0; count--) {
    const domid = u16(random), hasRing = random.chance(0.7);
    const isOwn = random.chance(0.7), isDetailed = !isOwn && !hasRing || random.chance(0.7);
    domains.set(
      domid,
      domain(domid, {
        ...(isOwn ? { features: u32(random), quotas: randomQuotas(random) } : {}),
        ...(hasRing && random.chance(0.5) ? { port: u32(random), gfn: u64(random) } : {}),
        ...(hasRing && !isDetailed && random.chance(0.5) ? { uniqueId: u64(random) } : {}),
        ...(isDetailed
          ? {
            uniqueId: u64(random),
            introduced: random.chance(0.5),
            shutdownSeen: random.chance(0.5),
          }
          : {}),
        ...(hasRing || isDetailed ? { target: target(random) } : {}),
        hasRing,
      }),
    );
  }
  // Those with records of their own are told of last, in their order.
  const all = [...domains.values()];
  return [...all.filter((one) => !hasOwnRecord(one)), ...all.filter(hasOwnRecord)];
}

function hasOwnRecord({ introduced, quotas }: Domain): boolean {
  return introduced !== null || quotas !== null;
}

/** Records that each say all that a stream can say, domains first; at most one ring of a domain. */
export function randomRecords(random: Random, most: number): StateRecord[] {
  const domains = randomDomains(random);
  const rings = new Map<number, StateRecord>();
  for (const { domid, hasRing } of domains) {
    if (!hasRing) continue;
    const transactionIdLast = random.chance(0.5) ? null : u32(random);
    const ignored = transactionIdLast !== null && random.chance(0.5);
    const output = randomBytes(random, 500), input = randomBytes(random, 100);
    const partialResponse = random.below(output.length + 1);
    const about = { input, output, partialResponse, transactionIdLast, ignored };
    rings.set(domid, ring(rings.size + 1, domid, u32(random), about));
  }
  const others = Array.from({ length: random.below(most + 1) }, () => randomRecord(random));
  for (const one of rings.values()) others.splice(random.below(others.length + 1), 0, one);
  // Of rings alone, the domains come in the order of these.
  const order = others.flatMap((record) =>
    record.kind === "connection" && record.end.kind === "ring" ? [record.end.domid] : []
  );
  const ringOnly = domains.filter((one) => !hasOwnRecord(one));
  ringOnly.sort((a, b) => order.indexOf(a.domid) - order.indexOf(b.domid));
  return [...ringOnly, ...domains.filter(hasOwnRecord), ...others];
}
