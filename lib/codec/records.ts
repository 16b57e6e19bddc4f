import type { Perms } from "../store/perms.ts";

/**
 * What a migration stream says, whatever its version, byte order and age: the records of
 * xenstore-migration.md, with the names of this project. Paths and tokens have one character a
 * byte and no NUL. See docs/migration.md for the bytes.
 */
export type MigrationRecord =
  | GlobalRecord
  | QuotaRecord
  | ConnectionRecord
  | WatchRecord
  | TransactionRecord
  | NodeRecord
  | DomainRecord
  | RingDetail
  | TransactionDetail
  | ConnectionDetail
  | DomainDetail
  | SettingDetail;

/** GLOBAL_DATA, of a live update only: descriptors that the next process inherits. */
export interface GlobalRecord {
  readonly kind: "global";
  /** The listening socket, or -1. */
  readonly socketFd: number;
  /** The open event-channel device, or -1. */
  readonly eventChannelFd: number;
}

/** GLOBAL_QUOTA_DATA: the quotas of domains yet to come. Names as in GET_QUOTA. */
export interface QuotaRecord {
  readonly kind: "quota";
  /** Per domain; a soft quota's name begins with `soft-`. */
  readonly domain: ReadonlyMap<string, number>;
  /** Of the whole store. */
  readonly global: ReadonlyMap<string, number>;
}

/** How a connection's client reaches the daemon. */
export type ConnectionEnd =
  | {
    readonly kind: "ring";
    readonly domid: number;
    /** The domain it has the rights of (SET_TARGET), or null. */
    readonly target: number | null;
    /** The local event-channel port in the process that wrote the stream. */
    readonly port: number;
  }
  | { readonly kind: "socket"; readonly fd: number };

/** CONNECTION_DATA. */
export interface ConnectionRecord {
  readonly kind: "connection";
  /** Unique in the stream, over 0. */
  readonly id: number;
  readonly end: ConnectionEnd;
  /** Whole requests that were not handled yet, then at most one that is not whole. */
  readonly input: Uint8Array;
  /** Bytes owed to the client. */
  readonly output: Uint8Array;
  /** How many bytes of `output`, at its start, end a message that was partly sent. */
  readonly partialResponse: number;
  /** The hypervisor's unique id of a ring's domain, where the stream has it. */
  readonly uniqueId: bigint | null;
}

/** WATCH_DATA or WATCH_DATA_EXTENDED. */
export interface WatchRecord {
  readonly kind: "watch";
  readonly connection: number;
  /** As the client gave it: may be relative. */
  readonly path: string;
  readonly token: string;
  /** Levels below `path` of which changes are told; Infinity without a limit. */
  readonly depth: number;
}

/** TRANSACTION_DATA: a transaction that is open. */
export interface TransactionRecord {
  readonly kind: "transaction";
  readonly connection: number;
  readonly id: number;
}

/** What a transaction did with a node: bits. 0 with no permissions: deleted. */
export const ACCESS_READ = 1;
export const ACCESS_WRITTEN = 2;

/** NODE_DATA: a committed node, a special (`@releaseDomain`), or what a transaction did with one. */
export interface NodeRecord {
  readonly kind: "node";
  /** 0 for a committed node, as is `transaction`. */
  readonly connection: number;
  readonly transaction: number;
  readonly path: string;
  readonly value: Uint8Array;
  /** Bits ACCESS_*, of a transaction's node; 0 for a committed one. */
  readonly access: number;
  /** The owner first; stale entries are marked. Empty for one deleted in a transaction. */
  readonly perms: Perms;
}

/** DOMAIN_DATA: one for each domain the daemon knows. */
export interface DomainRecord {
  readonly kind: "domain";
  readonly domid: number;
  /** The server features offered to it; 0 in version 1. */
  readonly features: number;
  readonly quotas: ReadonlyMap<string, number>;
}

/** Ours: what INTRODUCE was told of a ring, which CONNECTION_DATA has no place for. */
export interface RingDetail {
  readonly kind: "ring-detail";
  readonly connection: number;
  /** The frame number that the toolstack named, or 0 where nobody kept it. */
  readonly gfn: bigint;
  /** The event-channel port as the toolstack named it, before it was bound; 0 when not known. */
  readonly remotePort: number;
}

/** Ours: how much a transaction has done. */
export interface TransactionDetail {
  readonly kind: "transaction-detail";
  readonly connection: number;
  readonly id: number;
  /** Requests it has done, those that only read included: what its quota counts. */
  readonly operations: number;
}

/** Ours: what a connection needs beside its record. */
export interface ConnectionDetail {
  readonly kind: "connection-detail";
  readonly connection: number;
  /** The highest transaction id it was ever given: ids are never given twice. */
  readonly transactionIdLast: number;
  /** A ring whose guest broke the protocol: it is not listened to. */
  readonly ignored: boolean;
}

/** Ours: a domain's record in full, with those that were never introduced. */
export interface DomainDetail {
  readonly kind: "domain-detail";
  readonly domid: number;
  readonly uniqueId: bigint;
  readonly introduced: boolean;
  readonly shutdownSeen: boolean;
  readonly target: number | null;
}

/** Ours: what CONTROL has set in the daemon around the engine, such as a trace switch. */
export interface SettingDetail {
  readonly kind: "setting-detail";
  /** Name and value have one character a byte and no NUL. */
  readonly name: string;
  readonly value: string;
  /** What the command line said of it then; null for nothing. */
  readonly told: string | null;
}

/** Which format a file is of. */
export type StreamFormat =
  | "stream"
  | "draft-2020"
  | "oxenstored-binary"
  | "oxenstored-text";

/** A stream as it was read: its records in order, and what its bytes were. */
export interface MigrationStream {
  readonly format: StreamFormat;
  readonly version: number;
  readonly endian: "little" | "big";
  readonly records: readonly MigrationRecord[];
  /** Of records that were skipped: their type numbers, each once, in order of appearance. */
  readonly skipped: readonly number[];
}
