import { ERROR_NAMES, type ErrorName } from "../wire/errors.ts";

/**
 * Why a request failed: a name the daemon sent (the public header's table), or what the
 * operating system said of the connection.
 *
 * - `ECONNREFUSED`: nobody listens on the socket.
 * - `ECONNRESET`: the connection ended while it was needed.
 * - `EPROTO`: the daemon sent something that does not answer the request.
 * - `ETIMEDOUT`: the daemon did not answer in time.
 */
export type XenstoreErrorCode =
  | ErrorName
  | "ECONNREFUSED"
  | "ECONNRESET"
  | "EPROTO"
  | "ETIMEDOUT";

const systemErrors: Readonly<Record<XenstoreErrorCode, readonly [number, string]>> = {
  EINVAL: [22, "Invalid argument"],
  EACCES: [13, "Permission denied"],
  EEXIST: [17, "File exists"],
  EISDIR: [21, "Is a directory"],
  ENOENT: [2, "No such file or directory"],
  ENOMEM: [12, "Cannot allocate memory"],
  ENOSPC: [28, "No space left on device"],
  EIO: [5, "Input/output error"],
  ENOTEMPTY: [39, "Directory not empty"],
  ENOSYS: [38, "Function not implemented"],
  EROFS: [30, "Read-only file system"],
  EBUSY: [16, "Device or resource busy"],
  EAGAIN: [11, "Resource temporarily unavailable"],
  EISCONN: [106, "Transport endpoint is already connected"],
  E2BIG: [7, "Argument list too long"],
  EPERM: [1, "Operation not permitted"],
  ECONNREFUSED: [111, "Connection refused"],
  ECONNRESET: [104, "Connection reset by peer"],
  EPROTO: [71, "Protocol error"],
  ETIMEDOUT: [110, "Connection timed out"],
};

/** What the C library says of an error (`strerror`), as the stock tools print it. */
export function systemText(code: XenstoreErrorCode): string {
  return systemErrors[code][1];
}

/** Linux's number of an error (`errno`), as the stock tools print it. */
export function systemNumber(code: XenstoreErrorCode): number {
  return systemErrors[code][0];
}

/** What the errors mean here, where the C library's words would mislead. */
const meanings: Partial<Record<XenstoreErrorCode, string>> = {
  EINVAL: "the daemon rejects the request as invalid",
  EACCES: "permission denied",
  EEXIST: "it exists already",
  ENOENT: "no such node",
  ENOMEM: "the daemon is out of memory, or a memory quota is reached",
  ENOSPC: "a quota is reached, or the daemon's disk or memory is full",
  EROFS: "this socket is read-only: it serves the past, or users that may only look",
  ENOSYS: "the daemon does not know this request",
  EAGAIN: "another client changed what the transaction had read",
  E2BIG: "too long for one message",
  EPERM: "only a privileged client may do this",
};

/** The error name in an ERROR reply; an unknown one reads as EINVAL, as in libxenstore. */
export function decodeErrorName(text: string): ErrorName {
  return ERROR_NAMES.find((name) => name === text) ?? "EINVAL";
}

/** Errors whose stack has the line of a caller: that of a transaction's body is the one to show. */
const traced = new WeakSet<Error>();

/**
 * Takes an error's stack again, from the function that must be left out of it. Called where a method
 * goes on after its reply, it has the line that called the method: V8 knows who waits for it.
 */
export function traceCaller(error: unknown, leftOut: (...args: never[]) => unknown): void {
  if (!(error instanceof XenstoreError) || traced.has(error)) return;
  Error.captureStackTrace(error, leftOut);
  traced.add(error);
}

/**
 * A request, or the connection itself, failed.
 *
 * @example Tell a missing node from other trouble
 * ```ts
 * import { Client, EmbeddedServer, XenstoreError } from "@xenstore/xs";
 *
 * await using server = await EmbeddedServer.start();
 * await using client = await Client.connect({ socket: server.socketPath });
 * try {
 *   await client.read("/no/such/node");
 * } catch (error) {
 *   if (!(error instanceof XenstoreError) || error.code !== "ENOENT") throw error;
 * }
 * ```
 */
export class XenstoreError extends Error {
  /** Always `XenstoreError`. */
  override readonly name = "XenstoreError";

  /** An error with the message `OPERATION PATH: DETAIL (CODE)`. */
  constructor(
    /** The error's name on the wire, or of the operating system. */
    readonly code: XenstoreErrorCode,
    /** What was asked, such as `read` or `transaction_end`. */
    readonly operation: string,
    /** The node, watch or domid concerned; empty when there is none. */
    readonly path: string,
    /** What is wrong, without the operation and the path. */
    readonly detail: string = meanings[code] ?? systemErrors[code][1],
    /** Whether a change may have taken effect, or may still: its reply did not come. */
    readonly uncertain: boolean = false,
  ) {
    const subject = path === "" ? operation : `${operation} ${path}`;
    super(`${subject}: ${detail} (${code})`);
  }
}

/** Whether an error says that there is no such node. */
export function isMissing(error: unknown): boolean {
  return error instanceof XenstoreError && error.code === "ENOENT" && error.operation !== "connect";
}

/** The result of a request; null for a missing node. */
export async function orNull<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}
