import { NO_VALUE } from "../store/node.ts";
import { connectionOf, nodeOf, transactionOf } from "../state/bare_records.ts";
import type { PlacedRecord } from "./binary_reader.ts";
import { readPerms } from "./decode_fields.ts";
import { FieldReader } from "./field_reader.ts";
import type { OlderStream } from "./oxenstored_live_update.ts";
import { ACCESS_WRITTEN, type StateRecord } from "../state/records.ts";
import { DomainTable } from "./domain_table.ts";
import { DOMID_INVALID } from "./record_types.ts";
import { joinBytes } from "../wire/text.ts";

const NODE_DATA = 1;
const WATCH_DATA = 2;
const TRANSACTION_DATA = 3;
const TRANSACTION_NODE_DATA = 4;
const GUEST_RING_DATA = 5;
const DOMAIN_START = 6;
const TYPE_MAX = DOMAIN_START;
const ALIGNMENT = 4;

const NAMES = [
  "",
  "NODE_DATA",
  "WATCH_DATA",
  "TRANSACTION_DATA",
  "TRANSACTION_NODE_DATA",
  "GUEST_RING_DATA",
  "DOMAIN_START",
];

/** The byte order in which the first word is a type of the draft, or null. */
export function draftEndian(bytes: Uint8Array): "little" | "big" | null {
  if (bytes.length < 4) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 4);
  const isType = (word: number): boolean => word >= NODE_DATA && word <= TYPE_MAX;
  if (isType(view.getUint32(0, true))) return "little";
  return isType(view.getUint32(0, false)) ? "big" : null;
}

/**
 * Reads records of the draft of 2020, one behind the other. They have no length of their own: it
 * follows from their fields. They may come in any order; here connections come first, then what
 * belongs to them, then nodes, parents before children.
 * @throws {StreamError} when the bytes are none
 */
export function readDraft(bytes: Uint8Array, endian: "little" | "big"): OlderStream {
  return new DraftReader(bytes, endian).read(bytes.length);
}

/** A domain whose records were found: its connection is made when all are known. */
interface Owner {
  readonly id: number;
  readonly domid: number;
  readonly offset: number;
  readonly output: Uint8Array[];
  readonly records: PlacedRecord[];
}

class DraftReader {
  readonly #fields: FieldReader;
  readonly #owners: Owner[] = [];
  readonly #nodes: PlacedRecord[] = [];
  readonly #domains = new DomainTable();
  readonly #notes = new Set<string>();

  constructor(bytes: Uint8Array, endian: "little" | "big") {
    this.#fields = new FieldReader(bytes, endian);
  }

  read(length: number): OlderStream {
    const fields = this.#fields;
    for (let number = 1; fields.at < length; number++) {
      fields.begin(fields.at, number);
      const type = fields.u32();
      if (type < NODE_DATA || type > TYPE_MAX) {
        fields.fail(`type ${type} is not known: 1 to ${TYPE_MAX}`);
      }
      fields.bound(length, NAMES[type]!);
      this.#record(type);
    }
    // Stable: among those of one depth the order of the file stays.
    const levels = ({ record }: PlacedRecord): number =>
      record.kind === "node" && record.path !== "/" ? record.path.split("/").length : 0;
    const nodes = this.#nodes.map((placed) => ({ placed, level: levels(placed) }))
      .sort((a, b) => a.level - b.level).map(({ placed }) => placed);
    const domains = [...this.#domains.all()].map((record) => ({ record, offset: length }));
    const records = this.#owners.flatMap((owner) => connect(owner)).concat(nodes, domains);
    return { records, notes: [...this.#notes] };
  }

  #record(type: number): void {
    switch (type) {
      case NODE_DATA:
        this.#nodes.push(this.#placed(this.#node(null, 0)));
        return;
      case TRANSACTION_NODE_DATA: {
        const transaction = this.#transactionId(), owner = this.#owner();
        owner.records.push(this.#placed(this.#node(owner.id, transaction)));
        return;
      }
      case WATCH_DATA: {
        const path = this.#text("the watched path"), token = this.#text("the token");
        const owner = this.#owner(), connection = owner.id;
        owner.records.push(
          this.#placed({ kind: "watch", connection, path, token, depth: Infinity }),
        );
        return;
      }
      case TRANSACTION_DATA: {
        const id = this.#transactionId(), owner = this.#owner();
        owner.records.push(this.#placed(transactionOf(owner.id, id)));
        return;
      }
      case GUEST_RING_DATA:
        this.#owner().output.push(this.#bytes("unsent output"));
        return;
      default: {
        const domid = this.#fields.u16();
        this.#fields.skip(2, "the padding behind the domid");
        this.#start(domid);
      }
    }
  }

  /** A committed node, or what a transaction did of a connection. */
  #node(connection: number | null, transaction: number): StateRecord {
    const path = this.#text("the path");
    const perms = readPerms(this.#fields, this.#fields.u32());
    const value = this.#bytes("the value");
    if (connection === null) return nodeOf(path, value, perms);
    // The draft does not say what else a transaction did with a node.
    const access = perms.length === 0 ? 0 : ACCESS_WRITTEN;
    return { kind: "transaction-node", connection, transaction, path, value, access, perms };
  }

  /** The domain that the record belongs to. */
  #owner(): Owner {
    const owner = this.#owners.at(-1);
    if (owner !== undefined) return owner;
    this.#notes.add("which domain the watches and transactions belong to: its carrier knows");
    return this.#start(DOMID_INVALID);
  }

  #start(domid: number): Owner {
    const { offset } = this.#fields;
    const id = this.#owners.length + 1;
    const owner = { id, domid, offset, output: [], records: [] };
    this.#domains.tell(domid, { hasRing: true });
    this.#owners.push(owner);
    return owner;
  }

  #transactionId(): number {
    const id = this.#fields.u32();
    if (id === 0) this.#fields.fail("the transaction's id is 0: any other number");
    return id;
  }

  #text(what: string): string {
    const text = this.#fields.text(this.#fields.u32(), what);
    this.#pad();
    return text;
  }

  #bytes(what: string): Uint8Array {
    const bytes = this.#fields.bytes(this.#fields.u32(), what);
    this.#pad();
    return bytes;
  }

  #pad(): void {
    const size = (ALIGNMENT - this.#fields.at % ALIGNMENT) % ALIGNMENT;
    this.#fields.skip(size, "the padding");
  }

  #placed(record: StateRecord): PlacedRecord {
    return { record, offset: this.#fields.offset };
  }
}

/** A connection and what belongs to it: what transactions did comes behind the transactions. */
function connect({ id, domid, offset, output, records }: Owner): PlacedRecord[] {
  const sent = output.length === 1 ? output[0]! : joinBytes(output);
  const record = connectionOf(id, { kind: "ring", domid, port: 0 }, NO_VALUE, sent);
  const done = records.filter(({ record }) => record.kind === "transaction-node");
  const rest = records.filter(({ record }) => record.kind !== "transaction-node");
  return [{ record, offset }, ...rest, ...done];
}
