import { asStale, formatPerm, isStale, parsePerm, type Perms } from "../store/perms.ts";
import type * as records from "./records.ts";
import { type BytesJson, jsonLine, textJson, valueJson } from "../wire/json.ts";
import { toText } from "../wire/text.ts";
import { Fields, JsonError } from "./json_fields.ts";

/** The first line of a dump in JSON. */
const HEADER = { kind: "xs-dump", version: 1 } as const;

type Json = Readonly<Record<string, unknown>>;

/** A dump as lines of JSON, one object each, without line breaks. */
export function* toJsonLines(all: Iterable<records.MigrationRecord>): Generator<string> {
  yield jsonLine(HEADER);
  for (const record of all) yield jsonLine(toJson(record));
}

function toJson(record: records.MigrationRecord): Json {
  switch (record.kind) {
    case "node":
      return nodeJson(record);
    case "connection":
      return connectionJson(record);
    case "watch": {
      const { kind, connection, path, depth } = record;
      const token = textJson(record.token);
      return { kind, connection, path, token, ...(Number.isFinite(depth) ? { depth } : {}) };
    }
    case "quota":
      return { ...record, domain: mapJson(record.domain), global: mapJson(record.global) };
    case "domain":
      return { ...record, quotas: mapJson(record.quotas) };
    case "domain-detail":
      return { ...record, uniqueId: `${record.uniqueId}` };
    case "ring-detail":
      return { ...record, gfn: `${record.gfn}` };
    case "setting-detail": {
      const { kind, name, value, told } = record;
      return {
        kind,
        name,
        value: textJson(value),
        ...(told === null ? {} : { told: textJson(told) }),
      };
    }
    default:
      return { ...record };
  }
}

function mapJson(values: ReadonlyMap<string, number>): Json {
  return Object.fromEntries(values);
}

function nodeJson(record: records.NodeRecord): Json {
  const { access, connection, kind, path, perms, transaction } = record;
  const stale = perms.flatMap((entry, i) => isStale(entry) ? [i] : []);
  return {
    kind,
    path,
    value: valueJson(record.value),
    perms: perms.map(formatPerm),
    ...(stale.length === 0 ? {} : { stale }),
    ...(connection === 0 && transaction === 0 ? {} : { connection, transaction, access }),
  };
}

function connectionJson(record: records.ConnectionRecord): Json {
  const { end, id, kind, partialResponse, uniqueId } = record;
  const bytes = (name: string, value: Uint8Array): Record<string, BytesJson> =>
    value.length === 0 ? {} : { [name]: valueJson(value) };
  return {
    kind,
    id,
    ...(end.kind === "ring"
      ? { ring: { domid: end.domid, target: end.target, port: end.port } }
      : { socket: { fd: end.fd } }),
    ...bytes("input", record.input),
    ...bytes("output", record.output),
    ...(partialResponse === 0 ? {} : { partialResponse }),
    ...(uniqueId === null ? {} : { uniqueId: `${uniqueId}` }),
  };
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
export function fromJson(bytes: Uint8Array): records.MigrationRecord[] {
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
  return lines.flatMap((line, i) => {
    const fields = Fields.parse(line, i + 1);
    if (i > 0) return [fromFields(fields)];
    checkHeader(fields);
    return [];
  });
}

function checkHeader(fields: Fields): void {
  const isHeader = fields.string("kind") === HEADER.kind;
  if (!isHeader) throw fields.error("it is no dump of xs: the first line has no kind xs-dump");
  const version = fields.count("version");
  if (version !== HEADER.version) throw fields.error(`version ${version} is not known, only 1 is`);
}

function fromFields(fields: Fields): records.MigrationRecord {
  const kind = fields.string("kind") as records.MigrationRecord["kind"];
  switch (kind) {
    case "node":
      return nodeFrom(fields);
    case "connection":
      return connectionFrom(fields);
    case "watch":
      return {
        kind,
        connection: fields.count("connection"),
        path: fields.string("path"),
        token: fields.text("token"),
        depth: fields.has("depth") ? fields.count("depth") : Infinity,
      };
    case "quota":
      return { kind, domain: fields.numbers("domain"), global: fields.numbers("global") };
    case "domain":
      return {
        kind,
        domid: fields.domid("domid"),
        features: fields.count("features"),
        quotas: fields.numbers("quotas"),
      };
    case "transaction":
      return { kind, connection: fields.count("connection"), id: fields.count("id") };
    case "global": {
      const socketFd = fields.integer("socketFd");
      return { kind, socketFd, eventChannelFd: fields.integer("eventChannelFd") };
    }
    default:
      return detailFrom(kind, fields);
  }
}

function detailFrom(
  kind: Exclude<records.MigrationRecord["kind"], "node" | "connection">,
  fields: Fields,
): records.MigrationRecord {
  switch (kind) {
    case "ring-detail": {
      const connection = fields.count("connection");
      return { kind, connection, gfn: fields.big("gfn"), remotePort: fields.count("remotePort") };
    }
    case "transaction-detail": {
      const connection = fields.count("connection"), id = fields.count("id");
      return { kind, connection, id, operations: fields.count("operations") };
    }
    case "connection-detail": {
      const connection = fields.count("connection");
      const transactionIdLast = fields.count("transactionIdLast");
      return { kind, connection, transactionIdLast, ignored: fields.flag("ignored") };
    }
    case "domain-detail":
      return {
        kind,
        domid: fields.domid("domid"),
        uniqueId: fields.big("uniqueId"),
        introduced: fields.flag("introduced"),
        shutdownSeen: fields.flag("shutdownSeen"),
        target: fields.domidOrNull("target"),
      };
    case "setting-detail":
      return {
        kind,
        name: fields.string("name"),
        value: fields.text("value"),
        told: fields.has("told") ? fields.text("told") : null,
      };
    default:
      throw fields.error(`there is no kind '${kind}'`);
  }
}

function nodeFrom(fields: Fields): records.NodeRecord {
  const pending = fields.has("connection");
  return {
    kind: "node",
    connection: pending ? fields.count("connection") : 0,
    transaction: pending ? fields.count("transaction") : 0,
    path: fields.string("path"),
    value: fields.bytes("value"),
    access: pending ? fields.count("access") : 0,
    perms: permsFrom(fields),
  };
}

function permsFrom(fields: Fields): Perms {
  const stale = new Set(fields.has("stale") ? fields.list("stale") : []);
  return fields.list("perms").map((text, i) => {
    const entry = typeof text === "string" ? parsePerm(text) : null;
    if (entry === null) throw fields.error(`${JSON.stringify(text)} is no permission such as r5`);
    return stale.has(i) ? asStale(entry) : entry;
  });
}

function connectionFrom(fields: Fields): records.ConnectionRecord {
  return {
    kind: "connection",
    id: fields.count("id"),
    end: endFrom(fields),
    input: fields.has("input") ? fields.bytes("input") : new Uint8Array(0),
    output: fields.has("output") ? fields.bytes("output") : new Uint8Array(0),
    partialResponse: fields.has("partialResponse") ? fields.count("partialResponse") : 0,
    uniqueId: fields.has("uniqueId") ? fields.big("uniqueId") : null,
  };
}

function endFrom(fields: Fields): records.ConnectionEnd {
  if (fields.has("socket")) return { kind: "socket", fd: fields.object("socket").integer("fd") };
  const ring = fields.object("ring");
  return {
    kind: "ring",
    domid: ring.domid("domid"),
    target: ring.domidOrNull("target"),
    port: ring.count("port"),
  };
}
