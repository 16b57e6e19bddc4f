import type * as records from "./records.ts";
import { isSpecial } from "../store/path.ts";
import type { Perms } from "../store/perms.ts";

/** A domain of which nothing is told. */
export function domainOf(domid: number): records.Domain {
  return {
    kind: "domain",
    domid,
    uniqueId: null,
    introduced: null,
    shutdownSeen: false,
    target: null,
    features: 0,
    quotas: null,
    port: null,
    gfn: 0n,
    hasRing: false,
  };
}

/** A connection of which no more is told. */
export function connectionOf(
  id: number,
  end: records.ConnectionEnd,
  input: Uint8Array,
  output: Uint8Array,
  partialResponse = 0,
): records.Connection {
  return {
    kind: "connection",
    id,
    end,
    input,
    output,
    partialResponse,
    ignored: false,
    transactionIdLast: null,
    position: null,
  };
}

/** A transaction of which no more is told: it may have changed something. */
export function transactionOf(connection: number, id: number): records.Transaction {
  return { kind: "transaction", connection, id, operations: null, generation: null, wrote: true };
}

/** A committed node, or a special, which has no value. */
export function nodeOf(
  path: string,
  value: Uint8Array,
  perms: Perms,
): records.Node | records.Special {
  if (isSpecial(path)) return { kind: "special", path, perms, generation: 0 };
  return { kind: "node", path, value, perms, generation: 0, ordinal: 0 };
}
