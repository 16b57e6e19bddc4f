import { asStale, parsePerm, type Perms, permsJson } from "../store/perms.ts";
import type * as records from "../state/records.ts";
import { type BytesJson, jsonLine, textJson, valueJson } from "../wire/json.ts";
import { toText } from "../wire/text.ts";
import { NO_VALUE } from "../store/node.ts";
import { connectionOf, nodeOf, transactionOf } from "../state/bare_records.ts";
import { DomainTable } from "./domain_table.ts";
import { Fields, JsonError } from "./json_fields.ts";

/** The first line of a dump in JSON. */
const HEADER = { kind: "xs-dump", version: 1 } as const;

type Json = Readonly<Record<string, unknown>>;

/**
 * A dump as lines of JSON, one object each, without line breaks. A thing has a line for what Xen's records
 * say of it, and another one for what only ours do. Domains come before their rings, and are written last.
 */
export function* toJsonLines(all: Iterable<records.StateRecord>): Generator<string> {
  yield jsonLine(HEADER);
  const domains = new Map<number, records.Domain>();
  for (const record of all) {
    if (record.kind === "domain") domains.set(record.domid, record);
    else for (const json of toJson(record, domains)) yield jsonLine(json);
  }
  for (const domain of domains.values()) {
    for (const json of domainJson(domain)) yield jsonLine(json);
  }
}

function toJson(
  record: Exclude<records.StateRecord, records.Domain>,
  domains: ReadonlyMap<number, records.Domain>,
): Json[] {
  switch (record.kind) {
    case "node":
      return [nodeJson(record.path, record.value, record.perms)];
    case "special":
      return [nodeJson(record.path, NO_VALUE, record.perms)];
    case "transaction-node": {
      const { access, connection, transaction } = record;
      const node = nodeJson(record.path, record.value, record.perms);
      return [{ ...node, connection, transaction, access }];
    }
    case "connection": {
      const { end } = record;
      return connectionJson(record, end.kind === "ring" ? domains.get(end.domid) : undefined);
    }
    case "watch": {
      const { kind, connection, path, depth } = record;
      const token = textJson(record.token);
      return [{ kind, connection, path, token, ...(Number.isFinite(depth) ? { depth } : {}) }];
    }
    case "transaction": {
      const { connection, id, kind, operations } = record;
      const detail = { kind: "transaction-detail", connection, id, operations };
      return [{ kind, connection, id }, ...operations === null ? [] : [detail]];
    }
    case "quota":
      return [{ ...record, domain: mapJson(record.domain), global: mapJson(record.global) }];
    case "setting": {
      const { name, value, configured } = record;
      const said = configured === null ? {} : { "told": textJson(configured) };
      return [{ kind: "setting-detail", name, value: textJson(value), ...said }];
    }
    case "descriptors":
      return [{ ...record, kind: "global" }];
  }
}

function domainJson(domain: records.Domain): Json[] {
  const { domid, features, introduced, kind, quotas, shutdownSeen, target, uniqueId } = domain;
  const own = quotas === null ? [] : [{ kind, domid, features, quotas: mapJson(quotas) }];
  if (introduced === null) return own;
  const detail = { kind: "domain-detail", domid, uniqueId: `${uniqueId ?? 0n}` };
  return [...own, { ...detail, introduced, shutdownSeen, target }];
}

function mapJson(values: ReadonlyMap<string, number>): Json {
  return Object.fromEntries(values);
}

function nodeJson(path: string, value: Uint8Array, perms: Perms): Json {
  return { kind: "node", path, value: valueJson(value), ...permsJson(perms) };
}

function connectionJson(record: records.Connection, domain: records.Domain | undefined): Json[] {
  const { end, id, ignored, kind, partialResponse, transactionIdLast } = record;
  const { gfn = 0n, port = null, target = null, uniqueId = null } = domain ?? {};
  const bytes = (name: string, value: Uint8Array): Record<string, BytesJson> =>
    value.length === 0 ? {} : { [name]: valueJson(value) };
  const own = {
    kind,
    id,
    ...(end.kind === "ring"
      ? { ring: { domid: end.domid, target, port: end.port } }
      : { socket: { fd: end.fd } }),
    ...bytes("input", record.input),
    ...bytes("output", record.output),
    ...(partialResponse === 0 ? {} : { partialResponse }),
    ...(uniqueId === null ? {} : { uniqueId: `${uniqueId}` }),
  };
  const about = { kind: "connection-detail", connection: id, transactionIdLast, ignored };
  const ring = { kind: "ring-detail", connection: id, gfn: `${gfn}`, remotePort: port };
  return [own, ...transactionIdLast === null ? [] : [about], ...port === null ? [] : [ring]];
}

/** Whether a file's bytes may be a dump in JSON. */
export function looksLikeJson(bytes: Uint8Array): boolean {
  return toText(bytes, 0, Math.min(bytes.length, 16)).startsWith('{"kind":');
}

/**
 * The records of a dump in JSON.
 *
 * @throws {JsonError} that names the line in which something is not as it must be.
 */
export function fromJson(bytes: Uint8Array): records.StateRecord[] {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new JsonError("it is not UTF-8, as JSON must be");
  }
  const lines = text.split("\n");
  if (lines.at(-1) !== "") {
    throw new JsonError(`line ${lines.length}: it does not end: the file was cut short`);
  }
  lines.pop();
  checkHeader(Fields.parse(lines[0] ?? "", 1));
  const reader = new JsonReader();
  for (let i = 1; i < lines.length; i++) reader.read(Fields.parse(lines[i]!, i + 1));
  return reader.records();
}

function checkHeader(fields: Fields): void {
  const isHeader = fields.string("kind") === HEADER.kind;
  if (!isHeader) throw fields.error("it is no dump of xs: the first line has no kind xs-dump");
  const version = fields.count("version");
  if (version !== HEADER.version) throw fields.error(`version ${version} is not known, only 1 is`);
}

/** Puts together what several lines say of one thing. */
class JsonReader {
  readonly #all: records.StateRecord[] = [];
  readonly #domains = new DomainTable();
  /** Where connections and transactions are in {@link #all}. */
  readonly #connections = new Map<number, number>();
  readonly #transactions = new Map<string, number>();

  /** All that was read, domains first. */
  records(): records.StateRecord[] {
    return [...this.#domains.all(), ...this.#all];
  }

  read(fields: Fields): void {
    const kind = fields.string("kind");
    switch (kind) {
      case "node":
        return void this.#all.push(nodeFrom(fields));
      case "connection":
        return this.#connection(fields);
      case "watch":
        return void this.#all.push(watchFrom(fields));
      case "transaction": {
        const connection = fields.count("connection"), id = fields.count("id");
        this.#transactions.set(`${connection} ${id}`, this.#all.length);
        return void this.#all.push(transactionOf(connection, id));
      }
      case "quota": {
        const domain = fields.numbers("domain"), global = fields.numbers("global");
        return void this.#all.push({ kind, domain, global });
      }
      case "global": {
        const socketFd = fields.integer("socketFd");
        const eventChannelFd = fields.integer("eventChannelFd");
        return void this.#all.push({ kind: "descriptors", socketFd, eventChannelFd });
      }
      case "setting-detail":
        return void this.#all.push({
          kind: "setting",
          name: fields.string("name"),
          value: fields.text("value"),
          configured: fields.has("told") ? fields.text("told") : null,
        });
      case "domain":
        return this.#domain(fields);
      default:
        return this.#detail(kind, fields);
    }
  }

  /** More of what another line says. */
  #detail(kind: string, fields: Fields): void {
    switch (kind) {
      case "ring-detail": {
        const gfn = fields.big("gfn"), port = fields.count("remotePort");
        const { end } = this.#connectionOf(fields).record;
        if (end.kind !== "ring") throw fields.error("its connection is no ring");
        if (this.#domains.get(end.domid).port !== null) {
          throw fields.error(`the ring of domain ${end.domid} again`);
        }
        return this.#domains.tell(end.domid, { gfn, port });
      }
      case "transaction-detail": {
        const connection = fields.count("connection"), id = fields.count("id");
        const operations = fields.count("operations");
        const at = this.#transactions.get(`${connection} ${id}`);
        if (at === undefined) throw fields.error(`there is no transaction ${id} before it`);
        if ((this.#all[at] as records.Transaction).operations !== null) {
          throw fields.error(`transaction ${id} of connection ${connection} again`);
        }
        this.#all[at] = { ...transactionOf(connection, id), operations };
        return;
      }
      case "connection-detail": {
        const transactionIdLast = fields.count("transactionIdLast");
        const ignored = fields.flag("ignored");
        const { at, record } = this.#connectionOf(fields);
        if (record.transactionIdLast !== null) throw fields.error(`connection ${record.id} again`);
        this.#all[at] = { ...record, transactionIdLast, ignored };
        return;
      }
      case "domain-detail":
        return this.#domainDetail(fields);
      default:
        throw fields.error(`there is no kind '${kind}'`);
    }
  }

  #connection(fields: Fields): void {
    const id = fields.count("id"), { end, target } = endFrom(fields);
    const input = fields.has("input") ? fields.bytes("input") : NO_VALUE;
    const output = fields.has("output") ? fields.bytes("output") : NO_VALUE;
    const partial = fields.has("partialResponse") ? fields.count("partialResponse") : 0;
    const uniqueId = fields.has("uniqueId") ? fields.big("uniqueId") : null;
    if (end.kind === "ring") this.#domains.tellRing(end.domid, target, uniqueId);
    this.#connections.set(id, this.#all.length);
    this.#all.push(connectionOf(id, end, input, output, partial));
  }

  #connectionOf(fields: Fields): { readonly at: number; readonly record: records.Connection } {
    const id = fields.count("connection"), at = this.#connections.get(id);
    if (at === undefined) throw fields.error(`there is no connection ${id} before it`);
    return { at, record: this.#all[at] as records.Connection };
  }

  #domain(fields: Fields): void {
    const domid = fields.domid("domid"), features = fields.count("features");
    if (this.#domains.get(domid).quotas !== null) throw fields.error(`domain ${domid} again`);
    this.#domains.tellOwn(domid, { features, quotas: fields.numbers("quotas") });
  }

  #domainDetail(fields: Fields): void {
    const domid = fields.domid("domid");
    if (this.#domains.get(domid).introduced !== null) throw fields.error(`domain ${domid} again`);
    this.#domains.tellOwn(domid, {
      uniqueId: fields.big("uniqueId"),
      introduced: fields.flag("introduced"),
      shutdownSeen: fields.flag("shutdownSeen"),
      target: fields.domidOrNull("target"),
    });
  }
}

function watchFrom(fields: Fields): records.Watch {
  return {
    kind: "watch",
    connection: fields.count("connection"),
    path: fields.string("path"),
    token: fields.text("token"),
    depth: fields.has("depth") ? fields.count("depth") : Infinity,
  };
}

function nodeFrom(fields: Fields): records.Node | records.Special | records.TransactionNode {
  const path = fields.string("path"), value = fields.bytes("value"), perms = permsFrom(fields);
  if (!fields.has("connection")) return nodeOf(path, value, perms);
  return {
    kind: "transaction-node",
    connection: fields.count("connection"),
    transaction: fields.count("transaction"),
    path,
    value,
    access: fields.count("access"),
    perms,
  };
}

function permsFrom(fields: Fields): Perms {
  const stale = new Set(fields.has("stale") ? fields.list("stale") : []);
  return fields.list("perms").map((text, i) => {
    const entry = typeof text === "string" ? parsePerm(text) : null;
    if (entry === null) {
      throw fields.error(`invalid permission ${JSON.stringify(text)} (such as r5)`);
    }
    return stale.has(i) ? asStale(entry) : entry;
  });
}

function endFrom(
  fields: Fields,
): { readonly end: records.ConnectionEnd; readonly target: number | null } {
  if (fields.has("socket")) {
    const fd = fields.object("socket").integer("fd");
    return { end: { kind: "socket", fd, held: null }, target: null };
  }
  const ring = fields.object("ring");
  return {
    end: { kind: "ring", domid: ring.domid("domid"), port: ring.count("port") },
    target: ring.domidOrNull("target"),
  };
}
