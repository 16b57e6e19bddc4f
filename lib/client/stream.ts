import { decodeHeader, emptyHeader, HEADER_SIZE } from "../wire/header.ts";
import { XenstoreError, type XenstoreErrorCode } from "./error.ts";

/** Bytes to and from a daemon: a Unix socket, or the kernel's device inside a guest. */
export interface ByteStream {
  /** Reads some bytes; null at the end of the stream. */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes some bytes; the number written. */
  write(bytes: Uint8Array): Promise<number>;
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

/** The name of an operating system's error, as far as one can meet it in opening a stream. */
function osErrorCode(error: unknown): XenstoreErrorCode {
  if (error instanceof Deno.errors.NotFound) return "ENOENT";
  if (error instanceof Deno.errors.PermissionDenied) return "EACCES";
  if (error instanceof Deno.errors.ConnectionRefused) return "ECONNREFUSED";
  if (error instanceof Deno.errors.ConnectionReset) return "ECONNRESET";
  return error instanceof TypeError ? "EINVAL" : "EIO";
}

const neither = "it is neither a socket nor a device; the daemon's is normally " +
  "/var/run/xenstored/socket";

const reasons: Partial<Record<XenstoreErrorCode, string>> = {
  ENOENT: "there is no such socket; is the daemon running? Start one with `xs serve`, or name " +
    "another socket with --socket or XENSTORED_PATH",
  EACCES: "this user may not use the socket; the daemon's is for its own user, normally root",
  ECONNREFUSED: "nobody listens on the socket; the daemon that made it has ended",
};

/**
 * Opens `path`: a character device (such as `/dev/xen/xenbus`) as a file, anything else as a
 * Unix socket, as libxenstore does.
 *
 * @throws {XenstoreError} ENOENT, EACCES, ECONNREFUSED or EIO, with what would be right.
 */
export async function openStream(path: string): Promise<ByteStream> {
  try {
    const info = await Deno.stat(path);
    if (info.isSocket) return await Deno.connect({ transport: "unix", path });
    if (info.isCharDevice) {
      return deviceStream(await Deno.open(path, { read: true, write: true }));
    }
    throw new XenstoreError(info.isDirectory ? "EISDIR" : "EINVAL", "connect", path, neither);
  } catch (error) {
    if (error instanceof XenstoreError) throw error;
    const code = osErrorCode(error);
    const text = error instanceof Error ? error.message : String(error);
    throw new XenstoreError(code, "connect", path, reasons[code] ?? text);
  }
}
