import {
  E2BIG,
  EACCES,
  EAGAIN,
  EBUSY,
  EEXIST,
  EINVAL,
  EIO,
  ENOENT,
  ENOMEM,
  ENOSPC,
  ENOSYS,
  EPERM,
  type ErrorCode,
} from "../../wire/errors.ts";

/** Linux's numbers of the errors that the wire has names for. */
const CODES: ReadonlyMap<number, ErrorCode> = new Map([
  [1, EPERM],
  [2, ENOENT],
  [5, EIO],
  [7, E2BIG],
  [11, EAGAIN],
  [12, ENOMEM],
  [13, EACCES],
  [16, EBUSY],
  [17, EEXIST],
  [28, ENOSPC],
  [38, ENOSYS],
]);

/** The wire's error for one of the system's; those that it has no name for are EINVAL there. */
export function wireError(errno: number): ErrorCode {
  return CODES.get(errno) ?? EINVAL;
}
