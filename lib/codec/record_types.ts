/** The type numbers of records, and the constants within them (xenstore-migration.md). */

export const END = 0;
export const GLOBAL_DATA = 1;
export const CONNECTION_DATA = 2;
export const WATCH_DATA = 3;
export const TRANSACTION_DATA = 4;
export const NODE_DATA = 5;
export const GLOBAL_QUOTA_DATA = 6;
export const DOMAIN_DATA = 7;
/** Version 2 and up. */
export const WATCH_DATA_EXTENDED = 8;

/**
 * Our own types, `xs` in their upper half: far from what the specification may number next. Other
 * readers skip them with a line in their log. A body is never empty: Xen's daemon of 4.20 and
 * later takes a record without one for a read error.
 */
export const RING_DETAIL = 0x78730001;
export const TRANSACTION_DETAIL = 0x78730002;
export const CONNECTION_DETAIL = 0x78730003;
export const DOMAIN_DETAIL = 0x78730004;
export const SETTING_DETAIL = 0x78730005;

/** `xenstore`, the first eight bytes of a stream. */
export const IDENT = "xenstore";
export const PREAMBLE_BYTES = 16;
export const RECORD_HEADER_BYTES = 8;
/** Records begin at multiples of this. */
export const ALIGNMENT = 8;
export const VERSION_MAX = 2;
/** Bit of the preamble's flags: the records are big endian. */
export const FLAG_BIG_ENDIAN = 1;

export const CONNECTION_RING = 0;
export const CONNECTION_SOCKET = 1;
/** Bit of CONNECTION_DATA's fields: a unique id follows its data. */
export const FIELD_UNIQUE_ID = 1;
/** No target (xen.h, `DOMID_INVALID`). */
export const DOMID_INVALID = 0x7ff4;
/** A watch of this depth hears of everything below its path. */
export const DEPTH_UNLIMITED = 0xffff;
/** Flag of a permission: its domid has another holder by now. */
export const PERM_STALE = 1;
/** The letters of permissions by their mask (READ 1, WRITE 2). */
export const PERM_LETTERS = "nrwb";

export const CONNECTION_IGNORED = 1;
export const DOMAIN_INTRODUCED = 1;
export const DOMAIN_SHUTDOWN_SEEN = 2;

const NAMES: ReadonlyMap<number, string> = new Map([
  [END, "END"],
  [GLOBAL_DATA, "GLOBAL_DATA"],
  [CONNECTION_DATA, "CONNECTION_DATA"],
  [WATCH_DATA, "WATCH_DATA"],
  [TRANSACTION_DATA, "TRANSACTION_DATA"],
  [NODE_DATA, "NODE_DATA"],
  [GLOBAL_QUOTA_DATA, "GLOBAL_QUOTA_DATA"],
  [DOMAIN_DATA, "DOMAIN_DATA"],
  [WATCH_DATA_EXTENDED, "WATCH_DATA_EXTENDED"],
  [RING_DETAIL, "RING_DETAIL"],
  [TRANSACTION_DETAIL, "TRANSACTION_DETAIL"],
  [CONNECTION_DETAIL, "CONNECTION_DETAIL"],
  [DOMAIN_DETAIL, "DOMAIN_DETAIL"],
  [SETTING_DETAIL, "SETTING_DETAIL"],
]);

/** What messages call a type. */
export function typeName(type: number): string {
  return NAMES.get(type) ?? `type 0x${type.toString(16).padStart(8, "0")}`;
}

/** `length` rounded up to where the next record begins. */
export function aligned(length: number): number {
  // No bit operations: a stream may be longer than 2 GiB.
  return length + (ALIGNMENT - length % ALIGNMENT) % ALIGNMENT;
}
