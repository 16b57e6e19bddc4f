import type { Perms } from "../store/perms.ts";

/**
 * What a Xenstore is, said once: everything of it that outlives a process, as plain records. Journal images,
 * recovery, migration streams, dumps and offline stores are codecs between bytes and these. Paths, tokens
 * and names have one character a byte and no NUL.
 *
 * Where a source of records has no place for something, the field says so by null ("not told"); what then
 * holds is decided in one place, where a store is built.
 */
export type StateRecord =
  | Descriptors
  | Quota
  | Setting
  | Domain
  | Connection
  | Watch
  | Transaction
  | TransactionNode
  | Node
  | Special;

/** Of a live update only: descriptors that the next process inherits. */
export interface Descriptors {
  readonly kind: "descriptors";
  /** The listening socket, or -1. */
  readonly socketFd: number;
  /** The open event-channel device, or -1. */
  readonly eventChannelFd: number;
}

/** The quotas of domains that are yet to become known. Names as in GET_QUOTA. */
export interface Quota {
  readonly kind: "quota";
  /** Per domain; a soft quota's name begins with `soft-`. */
  readonly domain: ReadonlyMap<string, number>;
  /** Of the whole store. */
  readonly global: ReadonlyMap<string, number>;
}

/** What CONTROL has set in the daemon around the engine, such as a trace switch. */
export interface Setting {
  readonly kind: "setting";
  readonly name: string;
  readonly value: string;
  /** What the command line said of it then; null for nothing. */
  readonly configured: string | null;
}

/** A domain that the daemon knows, introduced or not. */
export interface Domain {
  readonly kind: "domain";
  readonly domid: number;
  /** The hypervisor's id, which tells it from others of its domid (XSA-322); null: not told. */
  readonly uniqueId: bigint | null;
  /** Null: not told; one that has a ring then is. */
  readonly introduced: boolean | null;
  /** Its shutdown has been announced. */
  readonly shutdownSeen: boolean;
  /** The domain whose rights it has besides its own (SET_TARGET), or null. */
  readonly target: number | null;
  /** The server features offered to it; 0: none, or not told. */
  readonly features: number;
  /** By name, as in GET_QUOTA; null: not told. */
  readonly quotas: ReadonlyMap<string, number> | null;
  /** The guest's event-channel port, as INTRODUCE named it; 0 before, null: not told. */
  readonly port: number | null;
  /** The frame number that the toolstack named for its ring; 0 where nobody kept it. */
  readonly gfn: bigint;
  /** Whether it has a ring, which then is a {@link Connection}. */
  readonly hasRing: boolean;
}

/** A client's connection: a domain's ring or a socket. */
export interface Connection {
  readonly kind: "connection";
  /** Unique among the records, over 0: what hangs on the connection names it. */
  readonly id: number;
  readonly end: ConnectionEnd;
  /** Whole requests that were not handled yet, then at most one that is not whole. */
  readonly input: Uint8Array;
  /** Bytes that have not left for the client. */
  readonly output: Uint8Array;
  /** How many bytes of `output`, at its start, end a message that was partly sent. */
  readonly partialResponse: number;
  /** The guest broke the protocol and is not listened to. */
  readonly ignored: boolean;
  /** The highest transaction id it was ever given: ids are never given twice; null: not told. */
  readonly transactionIdLast: number | null;
  /** Where both directions stand to the byte, of a connection that goes on after a crash; else null. */
  readonly position: Position | null;
}

/** How a connection's client reaches the daemon. */
export type ConnectionEnd =
  | {
    readonly kind: "ring";
    readonly domid: number;
    /** The local event-channel port in the process that the record is of; 0 where it means nothing. */
    readonly port: number;
  }
  | {
    readonly kind: "socket";
    /** The descriptor in that process; -1 where there is none. */
    readonly fd: number;
    /** Of one that outlives the process: the domain that it speaks for and its name in logs; else null. */
    readonly held: { readonly domid: number; readonly label: string } | null;
  };

/** A socket's connection that outlives the process, by what it is known by there. */
export interface HeldSocket {
  /** The {@link Connection.id}: a number above all domids. */
  readonly key: number;
  /** The domain that it speaks for. */
  readonly domid: number;
  /** Its name in logs. */
  readonly label: string;
}

/** Indices of a ring; of a held socket they count the bytes of its streams. Modulo 2^32. */
export interface Position {
  /** Behind the last byte that was taken from the client. */
  readonly requestsTaken: number;
  /** Behind the last byte that is owed to the client. */
  readonly responsesEnd: number;
  /** How many bytes up to `responsesEnd` had not left. */
  readonly unsent: number;
}

/** A registered watch. */
export interface Watch {
  readonly kind: "watch";
  /** The {@link Connection.id}. */
  readonly connection: number;
  /** As the client gave it: may be relative. */
  readonly path: string;
  readonly token: string;
  /** Levels below `path` of which the client hears changes; Infinity without a limit. */
  readonly depth: number;
}

/** A transaction that is open. */
export interface Transaction {
  readonly kind: "transaction";
  readonly connection: number;
  readonly id: number;
  /** Requests that it has done, those that only read included; null: not told. */
  readonly operations: number | null;
  /** The store's generation when it started; null: not told. */
  readonly generation: number | null;
  /** Whether it may have changed something. */
  readonly wrote: boolean;
}

/** What a transaction did with a node: bits. 0 with no permissions: deleted. */
export const ACCESS_READ = 1;
export const ACCESS_WRITTEN = 2;

/** What an open transaction saw of a node, or did with it. */
export interface TransactionNode {
  readonly kind: "transaction-node";
  readonly connection: number;
  readonly transaction: number;
  readonly path: string;
  readonly value: Uint8Array;
  /** Bits ACCESS_*. */
  readonly access: number;
  /** As of a {@link Node}; empty for one that was deleted. */
  readonly perms: Perms;
}

/** A committed node. */
export interface Node {
  readonly kind: "node";
  readonly path: string;
  readonly value: Uint8Array;
  /** The owner first; stale entries are marked. */
  readonly perms: Perms;
  /** The store's generation when it was last changed; 0: not told. */
  readonly generation: number;
  /** Its place among its siblings; 0: not told, they follow each other as their records do. */
  readonly ordinal: number;
}

/** A special, such as `@releaseDomain`: it has permissions and watches, but no value and no children. */
export interface Special {
  readonly kind: "special";
  readonly path: string;
  readonly perms: Perms;
  /** As of a {@link Node}. */
  readonly generation: number;
}
