/** Records of a store, with what does not matter left at what no source tells. */
import { connectionOf, domainOf, transactionOf } from "../../lib/state/bare_records.ts";
import type * as records from "../../lib/state/records.ts";
import type { Perms } from "../../lib/store/perms.ts";
import { toBytes } from "../../lib/wire/text.ts";

const NOTHING = new Uint8Array(0);
const DOM0: Perms = [0];

export function node(path: string, value: string | Uint8Array = "", perms = DOM0): records.Node {
  const bytes = typeof value === "string" ? toBytes(value) : value;
  return { kind: "node", path, value: bytes, perms, generation: 0, ordinal: 0 };
}

export function special(path: string, perms = DOM0): records.Special {
  return { kind: "special", path, perms, generation: 0 };
}

export function domain(
  domid: number,
  facts: Partial<Omit<records.Domain, "kind" | "domid">> = {},
): records.Domain {
  return { ...domainOf(domid), ...facts };
}

export function ring(
  id: number,
  domid: number,
  port = 0,
  more: Partial<records.Connection> = {},
): records.Connection {
  return { ...connectionOf(id, { kind: "ring", domid, port }, NOTHING, NOTHING), ...more };
}

export function socket(
  id: number,
  fd = -1,
  more: Partial<records.Connection> = {},
): records.Connection {
  return { ...connectionOf(id, { kind: "socket", fd, held: null }, NOTHING, NOTHING), ...more };
}

export function watch(
  connection: number,
  path: string,
  token: string,
  depth = Infinity,
): records.Watch {
  return { kind: "watch", connection, path, token, depth };
}

export function transaction(
  connection: number,
  id: number,
  operations: number | null = null,
): records.Transaction {
  return { ...transactionOf(connection, id), operations };
}

/** What a transaction did with a node: it removed it, unless told. */
export function transactionNode(
  connection: number,
  transaction: number,
  path: string,
  more: Partial<records.TransactionNode> = {},
): records.TransactionNode {
  return {
    kind: "transaction-node",
    connection,
    transaction,
    path,
    value: NOTHING,
    access: 0,
    perms: [],
    ...more,
  };
}
