import type { MigrationRecord } from "../../lib/codec/records.ts";
import { asStale, permEntry, type Perms } from "../../lib/store/perms.ts";
import { toText } from "../../lib/wire/text.ts";
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

/** Any record that fits version 2; what they say together makes no sense. */
export function randomRecord(random: Random): MigrationRecord {
  const connection = u32(random), domid = u16(random);
  switch (random.below(15)) {
    case 0:
      return { kind: "global", socketFd: random.below(100) - 1, eventChannelFd: 0x7fffffff };
    case 1:
      return { kind: "quota", domain: randomQuotas(random), global: randomQuotas(random) };
    case 2:
    case 3: {
      const output = randomBytes(random, 500);
      return {
        kind: "connection",
        id: connection,
        end: random.chance(0.5)
          ? { kind: "ring", domid, target: target(random), port: u32(random) }
          : { kind: "socket", fd: random.below(100) - 1 },
        input: randomBytes(random, 100),
        output,
        partialResponse: random.below(output.length + 1),
        uniqueId: random.chance(0.5) ? null : u64(random),
      };
    }
    case 4:
    case 5: {
      const depth = random.chance(0.5) ? Infinity : random.below(0xffff);
      const path = randomPath(random), token = randomText(random, 60);
      return { kind: "watch", connection, path, token, depth };
    }
    case 6:
      return { kind: "transaction", connection, id: u32(random) };
    case 7: {
      const features = u32(random), quotas = randomQuotas(random);
      return { kind: "domain", domid, features, quotas };
    }
    case 8: {
      const gfn = u64(random), remotePort = u32(random);
      return { kind: "ring-detail", connection, gfn, remotePort };
    }
    case 9: {
      const id = u32(random), operations = u32(random);
      return { kind: "transaction-detail", connection, id, operations };
    }
    case 10: {
      const transactionIdLast = u32(random), ignored = random.chance(0.5);
      return { kind: "connection-detail", connection, transactionIdLast, ignored };
    }
    case 11:
      return {
        kind: "domain-detail",
        domid,
        uniqueId: u64(random),
        introduced: random.chance(0.5),
        shutdownSeen: random.chance(0.5),
        target: target(random),
      };
    case 12: {
      const name = randomText(random, 30), value = randomText(random, 30);
      const told = random.chance(0.5) ? null : randomText(random, 30);
      return { kind: "setting-detail", name, value, told };
    }
    default: {
      const committed = random.chance(0.5);
      return {
        kind: "node",
        connection: committed ? 0 : connection || 1,
        transaction: committed ? 0 : u32(random),
        path: randomPath(random),
        value: randomBytes(random, random.chance(0.05) ? 0xffff : 100),
        access: committed ? 0 : random.below(4),
        perms: randomPerms(random, 0),
      };
    }
  }
}

export function randomRecords(random: Random, most: number): MigrationRecord[] {
  return Array.from({ length: random.below(most + 1) }, () => randomRecord(random));
}
