/** Runs a command on moments of the past: each is served on a socket of its own, for as long as the command runs. */
import { momentRecords } from "../../lib/archive/past/moment_records.ts";
import type { PastNodes } from "../../lib/archive/past/past_nodes.ts";
import { toByteText } from "../../lib/client/operations.ts";
import { FolderError, LockedFolder } from "../../lib/journal/locked_folder.ts";
import { SILENT } from "../../lib/server/logging/log.ts";
import { MomentServer } from "../../lib/server/start/moment_server.ts";
import { CommandError } from "../report.ts";
import { serverFailure } from "../server_failure.ts";
import { flush, type Shell } from "../shell.ts";
import { version } from "../version.ts";

/** What the error says when the user has interrupted a command. */
export const INTERRUPTED = "interrupted";

/** A command and its arguments. */
export type Words = readonly [command: string, ...args: string[]];

/** Where moments are served, and a command runs that a user can interrupt. */
export class MomentTestBed implements Disposable {
  readonly #shell: Shell;
  readonly #folder = makeFolder();
  /** The folder of the socket, which its server locks. */
  readonly #run = `${this.#folder.path}/run`;
  readonly #heed: () => void;
  #child: Deno.ChildProcess | null = null;
  #interrupts = 0;

  constructor(shell: Shell) {
    this.#shell = shell;
    Deno.mkdirSync(this.#run);
    this.#heed = shell.onInterrupt(() => this.#interrupt());
  }

  /**
   * The exit status of the command, in whose environment the moment is the daemon's socket.
   *
   * @throws {CommandError} when it cannot be run, or is ended by a signal; or when the user interrupts it: {@link INTERRUPTED}.
   */
  async run(moment: PastNodes, words: Words): Promise<number> {
    const socket = `${this.#run}/socket`;
    const server = await MomentServer.start({
      socket,
      nodes: momentRecords(moment.nodes),
      hidden: moment.hiddenPaths,
      version: version(),
      log: SILENT,
      clock: this.#shell.clock,
    }).catch(serverFailure);
    try {
      return await this.#runOn(moment.number, words);
    } finally {
      await server.stop();
    }
  }

  async #runOn(number: number, [command, ...args]: Words): Promise<number> {
    const { stderr, stdout } = this.#shell;
    flush(stdout);
    flush(stderr);
    this.#checkInterrupt();
    // Where libxenstore and all other clients look.
    const env = {
      XENSTORED_PATH: `${this.#run}/socket`,
      XENSTORED_RUNDIR: this.#run,
      XS_COMMIT: `${number}`,
    };
    try {
      this.#child = new Deno.Command(command, { args, env, stdin: "inherit" }).spawn();
    } catch (error) {
      throw new CommandError(`cannot run it: ${reasonOf(error)}`, toByteText(command));
    }
    const { code, signal } = await this.#child.status;
    this.#child = null;
    this.#checkInterrupt();
    if (signal === null) return code;
    throw new CommandError(`killed by ${signal}: the search ends`, command);
  }

  /** A terminal's Ctrl-C is the command's, too; it need not obey. */
  #interrupt(): void {
    const signal = ++this.#interrupts === 1 ? "SIGTERM" : "SIGKILL";
    try {
      this.#child?.kill(signal);
    } catch {
      // It has just ended.
    }
  }

  #checkInterrupt(): void {
    if (this.#interrupts > 0) throw new CommandError(INTERRUPTED);
  }

  [Symbol.dispose](): void {
    this.#heed();
    this.#folder[Symbol.dispose]();
  }
}

/** A prefix of its own: earlier versions did not lock the folders with theirs. */
const FOLDER_PREFIX = "xs-bisect-";

/** The folder of the sockets. */
function makeFolder(): LockedFolder {
  try {
    return LockedFolder.make(FOLDER_PREFIX);
  } catch (error) {
    if (!(error instanceof FolderError)) throw error;
    const what = "cannot make a directory for its sockets";
    throw new CommandError(`${what}: ${error.reason} (TMPDIR names the place)`);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "no such command";
  return error instanceof Deno.errors.PermissionDenied ? "permission denied" : "not a program";
}
