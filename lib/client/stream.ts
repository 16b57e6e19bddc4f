import { decodeHeader, emptyHeader, HEADER_SIZE } from "../wire/header.ts";
import { systemErrorCode, systemReason } from "../wire/system_error.ts";
import { permissionError } from "./permission.ts";
import { XenstoreError, type XenstoreErrorCode } from "./error.ts";

/** Bytes to and from a daemon: a Unix socket, or the kernel's device inside a guest. */
export interface ByteStream {
  /** Reads some bytes; null at the end of the stream. */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes some bytes; the number written. */
  write(bytes: Uint8Array): Promise<number>;
  /** Closes it; what reads or writes then ends. */
  close(): void;
}

/** What of an open file a device's stream needs. */
export interface DeviceFile {
  read(into: Uint8Array): Promise<number | null>;
  writeSync(bytes: Uint8Array): number;
  close(): void;
}

/**
 * A stream over the kernel's device. Linux takes one message a write, and drops what follows it.
 * Writing is synchronous, because Deno holds an asynchronous write back while a read waits; the
 * kernel only queues the message, so it takes no time.
 */
export function deviceStream(file: DeviceFile): ByteStream {
  return {
    read: (into) => file.read(into),
    write: (bytes) => {
      const size = HEADER_SIZE + decodeHeader(bytes, 0, emptyHeader()).len;
      const message = bytes.subarray(0, size);
      for (let at = 0; at < size;) at += file.writeSync(message.subarray(at));
      return Promise.resolve(size);
    },
    close: () => file.close(),
  };
}

/** The errors that opening a stream can meet, by the operating system's names. */
const OPEN_ERRORS: Readonly<Record<string, XenstoreErrorCode>> = {
  ENOENT: "ENOENT",
  ENOTDIR: "ENOENT",
  EACCES: "EACCES",
  EPERM: "EACCES",
  ECONNREFUSED: "ECONNREFUSED",
  ECONNRESET: "ECONNRESET",
  EAGAIN: "EAGAIN",
};

function openErrorCode(error: unknown): XenstoreErrorCode {
  if (error instanceof TypeError) return "EINVAL";
  return OPEN_ERRORS[systemErrorCode(error) ?? ""] ?? "EIO";
}

const NO_SOCKET = "it is not a socket (the daemon's is normally /var/run/xenstored/socket)";

const reasons: Partial<Record<XenstoreErrorCode, string>> = {
  ENOENT: "there is no such socket, so there is no daemon (start one with `xs serve`, or name " +
    "another socket with --socket or XENSTORED_PATH)",
  EACCES: "permission denied (only the daemon's user may use its socket, normally root)",
  ECONNREFUSED: "the daemon has ended (start one with `xs serve`)",
  EAGAIN: "the daemon accepts no connections (is it stopped?)",
  // The kernel's limit; the runtime refuses a NUL with the same error.
  EINVAL: "invalid path (a socket's path has at most 107 bytes)",
};

/** The system calls behind {@link openStream}, for tests without a device. */
export interface StreamFiles {
  stat(path: string): Promise<Pick<Deno.FileInfo, "isSocket" | "isCharDevice" | "isDirectory">>;
  connect(path: string): Promise<ByteStream>;
  open(path: string): Promise<DeviceFile>;
}

const systemFiles: StreamFiles = {
  stat: (path) => Deno.stat(path),
  connect: (path) => Deno.connect({ transport: "unix", path }),
  open: (path) => Deno.open(path, { read: true, write: true }),
};

/**
 * Opens `path`: a character device (such as `/dev/xen/xenbus`) as a file, anything else as a
 * Unix socket, as libxenstore does.
 *
 * @throws {XenstoreError} ENOENT, EACCES, ECONNREFUSED or EIO, with what to do.
 */
export async function openStream(
  path: string,
  files: StreamFiles = systemFiles,
): Promise<ByteStream> {
  try {
    const info = await files.stat(path);
    if (info.isSocket) return await files.connect(path);
    if (info.isCharDevice) return deviceStream(await files.open(path));
    throw new XenstoreError(info.isDirectory ? "EISDIR" : "EINVAL", "connect", path, NO_SOCKET);
  } catch (error) {
    const denied = permissionError(error, path);
    if (denied instanceof XenstoreError) throw denied;
    const code = openErrorCode(error);
    throw new XenstoreError(code, "connect", path, reasons[code] ?? systemReason(error));
  }
}
