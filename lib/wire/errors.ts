import { toBytes } from "./text.ts";

/**
 * The error names a client can decode, in the order of the public header's table (xs_wire.h,
 * `xsd_errors`). The protocol carries the *name*; the numbers are ours, never sent.
 */
export const ERROR_NAMES = [
  "EINVAL",
  "EACCES",
  "EEXIST",
  "EISDIR",
  "ENOENT",
  "ENOMEM",
  "ENOSPC",
  "EIO",
  "ENOTEMPTY",
  "ENOSYS",
  "EROFS",
  "EBUSY",
  "EAGAIN",
  "EISCONN",
  "E2BIG",
  "EPERM",
] as const;

/** An error's name as it is sent. */
export type ErrorName = (typeof ERROR_NAMES)[number];

/** An operating error as a value: an index into {@link ERROR_NAMES}, plus one; 0 is success. */
export type ErrorCode = number;

export const OK: ErrorCode = 0;
export const EINVAL: ErrorCode = 1;
export const EACCES: ErrorCode = 2;
export const EEXIST: ErrorCode = 3;
export const ENOENT: ErrorCode = 5;
export const ENOMEM: ErrorCode = 6;
export const ENOSPC: ErrorCode = 7;
export const EIO: ErrorCode = 8;
export const ENOSYS: ErrorCode = 10;
export const EROFS: ErrorCode = 11;
export const EBUSY: ErrorCode = 12;
export const EAGAIN: ErrorCode = 13;
export const E2BIG: ErrorCode = 15;
export const EPERM: ErrorCode = 16;

const payloads: readonly Uint8Array[] = ERROR_NAMES.map((name) => toBytes(`${name}\0`));

/** The payload of an ERROR reply: the name and its NUL. Shared: never write into it. */
export function errorPayload(code: ErrorCode): Uint8Array {
  return payloads[code - 1] ?? payloads[0]!;
}
