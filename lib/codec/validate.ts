import { STREAM_PROBLEMS_MAX, STREAM_TEXT_BYTES_MAX } from "../limits.ts";
import { canonicalPath, isSpecial, parentPath, ROOT_PATH } from "../store/path.ts";
import { DOMID_FIRST_RESERVED } from "../store/perms.ts";
import { StreamError } from "./errors.ts";
import { DOMID_INVALID } from "./record_types.ts";
import * as records from "./records.ts";

export interface ValidateOptions {
  /**
   * "store" when the stream is to be a whole store: the root is there, once, and every node's
   * parent. "part" [default for the draft of 2020] when it is that of one domain, say: no child
   * before its parent, but the parent may be missing.
   */
  readonly scope?: "store" | "part";
  /** Problems after which the search ends [STREAM_PROBLEMS_MAX]. */
  readonly most?: number;
}

/** Records, with their places where they are known. */
export interface RecordList {
  readonly records: readonly records.MigrationRecord[];
  readonly offsets?: readonly number[];
  readonly numbers?: readonly number[];
  readonly format?: records.StreamFormat;
}

/**
 * Whether the records make sense together: their order, what they refer to, what must be there
 * once, and each path. What quotas say and whether a domain lives is not looked at.
 * @returns what is wrong, in order of the records; nothing when all is well
 */
export function validateRecords(
  list: RecordList,
  { scope = list.format === "draft-2020" ? "part" : "store", most = STREAM_PROBLEMS_MAX }:
    ValidateOptions = {},
): StreamError[] {
  const validator = new Validator(scope === "store");
  const problems: StreamError[] = [];
  const unit = list.format === "oxenstored-text" ? "line" : "record";
  const add = (found: string | null, index: number, what: string): void => {
    if (found === null || problems.length >= most) return;
    const offset = list.offsets?.[index] ?? 0, number = list.numbers?.[index] ?? index + 1;
    problems.push(new StreamError(found, offset, number, what, unit));
  };
  for (let i = 0; i < list.records.length && problems.length < most; i++) {
    const record = list.records[i]!;
    add(validator.check(record), i, record.kind);
  }
  const last = list.records.length - 1;
  add(validator.missing(), Math.max(last, 0), "the last of all");
  return problems;
}

/**
 * As {@link validateRecords}, for who wants no more than one.
 * @throws {StreamError} the first problem
 */
export function checkRecords(list: RecordList, options: ValidateOptions = {}): void {
  const [first] = validateRecords(list, { ...options, most: 1 });
  if (first !== undefined) throw first;
}

interface Known {
  readonly ring: boolean;
  readonly transactions: Set<number>;
  readonly watches: Set<string>;
}

/** What the records so far have said; each check gives what is wrong with the next, or null. */
class Validator {
  readonly #whole: boolean;
  readonly #connections = new Map<number, Known>();
  readonly #ringDomids = new Set<number>();
  readonly #descriptors = new Set<number>();
  readonly #paths = new Set<string>();
  /** Parents that were not there when their first child came. */
  readonly #awaited = new Set<string>();
  readonly #transactionPaths = new Set<string>();
  readonly #domids = new Set<number>();
  /** Of our details, each with what it is about. */
  readonly #details = new Set<string>();
  #first = true;
  #quota = false;
  #global = false;

  constructor(whole: boolean) {
    this.#whole = whole;
  }

  check(record: records.MigrationRecord): string | null {
    const first = this.#first;
    this.#first = false;
    if (this.#domids.size > 0 && !(record.kind === "domain" || record.kind.endsWith("-detail"))) {
      return "it comes behind the records of domains, which are the last";
    }
    switch (record.kind) {
      case "node":
        return record.connection === 0 ? this.#node(record) : this.#transactionNode(record);
      case "watch":
        return this.#watch(record);
      case "connection":
        return this.#connection(record);
      case "transaction":
        return this.#transaction(record);
      case "domain":
        return this.#domain(record);
      case "global":
        if (this.#global) return "it is there twice";
        this.#global = true;
        return first ? null : "it is not the first of all records";
      case "quota":
        if (this.#quota) return "it is there twice";
        this.#quota = true;
        return null;
      default:
        return this.#detail(record);
    }
  }

  /** What the records should have had, at their end. */
  missing(): string | null {
    if (!this.#whole || this.#paths.has(ROOT_PATH)) return null;
    return "no record of the root node came, so that this is no whole store";
  }

  #node({ path, perms }: records.NodeRecord): string | null {
    const wrong = wrongPath(path) ?? this.#repeated(this.#paths, path, `the node ${show(path)}`) ??
      (perms.length === 0 ? `the node ${show(path)} has no permissions, not even an owner` : null);
    if (wrong !== null || isSpecial(path)) return wrong;
    if (this.#awaited.has(path)) return `the node ${show(path)} comes behind a child of it`;
    const parent = parentPath(path);
    if (path === ROOT_PATH || this.#paths.has(parent)) return null;
    if (this.#whole) return `the node ${show(path)} comes before its parent`;
    this.#awaited.add(parent);
    return null;
  }

  #transactionNode(node: records.NodeRecord): string | null {
    const { connection, transaction, path, access, perms, value } = node;
    const key = `${connection} ${transaction} ${path}`;
    const wrong = this.#unknownTransaction(connection, transaction) ?? wrongPath(path) ??
      this.#repeated(this.#transactionPaths, key, `the node ${show(path)} of its transaction`);
    if (wrong !== null) return wrong;
    if ((access & ~(records.ACCESS_READ | records.ACCESS_WRITTEN)) !== 0) {
      return `access ${access} to ${show(path)} is not known: a sum of 1 and 2`;
    }
    if (perms.length === 0 && value.length > 0) return `${show(path)}, deleted, has a value`;
    return null;
  }

  #watch({ connection, path, token }: records.WatchRecord): string | null {
    const known = this.#connections.get(connection);
    if (known === undefined) return unknownConnection(connection);
    // A relative path is checked as a client would be that gives it.
    if (path.length > STREAM_TEXT_BYTES_MAX || canonicalPath(path, "", true) === null) {
      return `the watched path ${show(path)} is malformed`;
    }
    return this.#repeated(known.watches, `${path}\0${token}`, `the watch of ${show(path)}`);
  }

  #connection({ id, end }: records.ConnectionRecord): string | null {
    if (id === 0) return "its id is 0: any other number";
    if (this.#connections.has(id)) return `the connection ${id} is there twice`;
    const ring = end.kind === "ring";
    this.#connections.set(id, { ring, transactions: new Set(), watches: new Set() });
    if (end.kind === "socket") {
      // A dump that is no live update has no descriptors.
      if (end.fd === -1) return null;
      if (end.fd < 0) return `${end.fd} is no file descriptor`;
      return this.#repeated(this.#descriptors, end.fd, `the file descriptor ${end.fd}`);
    }
    const { domid, target } = end;
    // A part may come from where nobody knew the domain.
    const nobody = !this.#whole && domid === DOMID_INVALID;
    if (domid >= DOMID_FIRST_RESERVED && !nobody) return `${domid} is no domid of a domain`;
    if (target !== null && target >= DOMID_FIRST_RESERVED) {
      return `the target ${target} is no domid of a domain`;
    }
    if (domid === 0 && this.#paths.size > 0) {
      return "the ring of domain 0 comes behind nodes: before them";
    }
    return this.#repeated(this.#ringDomids, domid, `the ring of domain ${domid}`);
  }

  #transaction({ connection, id }: records.TransactionRecord): string | null {
    const known = this.#connections.get(connection);
    if (known === undefined) return unknownConnection(connection);
    if (id === 0) return "the transaction's id is 0: any other number";
    return this.#repeated(known.transactions, id, `the transaction ${id} of its connection`);
  }

  #domain({ domid }: records.DomainRecord): string | null {
    if (domid >= DOMID_FIRST_RESERVED) return `${domid} is no domid of a domain`;
    return this.#repeated(this.#domids, domid, `the domain ${domid}`);
  }

  #detail(
    detail:
      | records.RingDetail
      | records.TransactionDetail
      | records.ConnectionDetail
      | records.DomainDetail
      | records.SettingDetail,
  ): string | null {
    if (detail.kind === "setting-detail") {
      return this.#repeated(this.#details, `setting ${detail.name}`, `setting ${detail.name}`);
    }
    if (detail.kind === "domain-detail") {
      return this.#repeated(this.#details, `domain ${detail.domid}`, `domain ${detail.domid}`);
    }
    const { connection, kind } = detail;
    const known = this.#connections.get(connection);
    if (known === undefined) return unknownConnection(connection);
    if (kind === "ring-detail" && !known.ring) return `connection ${connection} is no ring`;
    const about = kind === "transaction-detail" ? `${detail.id} of ${connection}` : connection;
    const unknown = kind === "transaction-detail"
      ? this.#unknownTransaction(connection, detail.id)
      : null;
    return unknown ?? this.#repeated(this.#details, `${kind} ${about}`, `what is about ${about}`);
  }

  #unknownTransaction(connection: number, id: number): string | null {
    const known = this.#connections.get(connection);
    if (known === undefined) return unknownConnection(connection);
    if (known.transactions.has(id)) return null;
    return `no record of the transaction ${id} of connection ${connection} came before`;
  }

  #repeated<T>(seen: Set<T>, value: T, what: string): string | null {
    if (seen.has(value)) return `${what} is there twice`;
    seen.add(value);
    return null;
  }
}

function unknownConnection(id: number): string {
  return `no record of the connection ${id} came before`;
}

function wrongPath(path: string): string | null {
  // Before it is matched, for which millions of names need too much stack.
  if (path.length > STREAM_TEXT_BYTES_MAX) {
    return `a path of ${path.length} bytes: ${STREAM_TEXT_BYTES_MAX} at most`;
  }
  const canonical = canonicalPath(path, "", true);
  return canonical === path ? null : `the path ${show(path)} is malformed`;
}

const SHOWN_CHARACTERS = 120;

function show(path: string): string {
  return JSON.stringify(
    path.length > SHOWN_CHARACTERS ? `${path.slice(0, SHOWN_CHARACTERS)}...` : path,
  );
}
