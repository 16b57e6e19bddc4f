/** Starting, watching and ending the server processes that tests drive from outside. */

import { createMemoryFile } from "../../ffi/memory_file.ts";
import { closeFd } from "../../ffi/unix_socket.ts";
import { encodeMessage, HEADER_SIZE } from "../../lib/wire/header.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import { PATIENCE_MS } from "./patience.ts";

/** How long a server may take to end on the stop signal before it gets SIGKILL, in ms. */
const STOP_LIMIT_MS = 20_000;
/** Between two looks at whether it listens yet, in ms. */
const LOOK_MS = 10;

export interface ServerSpec {
  /** What messages call it. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The Unix socket that it will listen on. */
  readonly socketPath: string;
  /** The first signal of `stop`; SIGTERM unless told. */
  readonly stopSignal?: Deno.Signal;
  /** Runs after it has been stopped. */
  readonly cleanUp?: () => PromiseLike<void>;
}

export interface ServerProcess extends AsyncDisposable {
  readonly socketPath: string;
  readonly pid: number;
  /**
   * Everything written to standard output and standard error so far, in the order it came: what
   * the server said before it answered is there when the answer is.
   */
  output(): string;
  /** Settles when the process has ended, however that came about. */
  readonly status: Promise<Deno.CommandStatus>;
  /** Ends the process (SIGTERM, then SIGKILL after 20 s) and waits until it is gone. Idempotent. */
  stop(): Promise<Deno.CommandStatus>;
}

/**
 * Starts a server and waits until it answers through its socket.
 * @throws {Error} when it ends, or does not listen in time; the message holds its output
 */
export async function startServer(spec: ServerSpec): Promise<ServerProcess> {
  const server = new ChildServer(spec);
  try {
    await server.listening();
  } catch (error) {
    await server.end();
    throw error;
  }
  return server;
}

class ChildServer implements ServerProcess {
  readonly socketPath: string;
  readonly pid: number;
  readonly status: Promise<Deno.CommandStatus>;
  readonly #spec: ServerSpec;
  readonly #child: Deno.ChildProcess;
  readonly #output = new OutputFile();
  #ended = false;
  #stopped: Promise<Deno.CommandStatus> | undefined;

  constructor(spec: ServerSpec) {
    this.#spec = spec;
    const child = new Deno.Command("/bin/sh", {
      args: ["-c", INTO_FILE, this.#output.path, spec.command, ...spec.args],
      env: { ...spec.env },
      ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#child = child;
    this.socketPath = spec.socketPath;
    this.pid = child.pid;
    this.status = this.#follow();
  }

  output(): string {
    return this.#output.text;
  }

  /** Waits until there are answers through the socket. */
  async listening(): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await answers(this.socketPath))) {
      if (this.#ended) {
        await this.status;
        throw new Error(`${this.#spec.name} ended before it listened:\n${this.output()}`);
      }
      if (Date.now() > deadline) {
        throw new Error(
          `${this.#spec.name} does not listen on ${this.socketPath} after ${PATIENCE_MS} ms:\n` +
            this.output(),
        );
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  stop(): Promise<Deno.CommandStatus> {
    return this.#stopped ??= this.end().then(async (status) => {
      await this.#spec.cleanUp?.();
      return status;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Ends the process, without the clean-up. */
  async end(): Promise<Deno.CommandStatus> {
    this.#signal(this.#spec.stopSignal ?? "SIGTERM");
    const patience = setTimeout(() => this.#signal("SIGKILL"), STOP_LIMIT_MS);
    try {
      return await this.status;
    } finally {
      clearTimeout(patience);
    }
  }

  async #follow(): Promise<Deno.CommandStatus> {
    const status = await this.#child.status;
    this.#ended = true;
    this.#output.close();
    return status;
  }

  #signal(signal: Deno.Signal): void {
    if (this.#ended) return;
    try {
      this.#child.kill(signal);
    } catch (error) {
      // The process may end between the check and the call.
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/** For a shell that becomes a program whose output goes into the file `$0`. */
const INTO_FILE = 'exec "$@" >>"$0" 2>&1';

/**
 * What a process has printed, in a file: of a pipe only that would be there which this process has
 * read, which may be less than was written before an answer came another way.
 */
class OutputFile {
  readonly #fd = createMemoryFile("output");
  #text: string | null = null;

  /** Where others find it, too. */
  get path(): string {
    return `/proc/${Deno.pid}/fd/${this.#fd}`;
  }

  get text(): string {
    return this.#text ?? Deno.readTextFileSync(this.path);
  }

  /** No more comes. */
  close(): void {
    this.#text = this.text;
    closeFd(this.#fd);
  }
}

/**
 * Whether a server answers there: it may take up its domains, and fail at it, while clients
 * already wait behind its listening socket.
 */
async function answers(socketPath: string): Promise<boolean> {
  try {
    using connection = await Deno.connect({ transport: "unix", path: socketPath });
    await connection.write(
      encodeMessage(MessageType.GET_DOMAIN_PATH, 0, 0, toBytes("0\0")).slice(),
    );
    return await connection.read(new Uint8Array(HEADER_SIZE)) !== null;
  } catch {
    return false;
  }
}
