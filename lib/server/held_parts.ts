import { closeFd } from "../../ffi/unix_socket.ts";
import { HeldSockets } from "./held_sockets.ts";
import { Holder } from "./holder.ts";
import type { Log } from "./log.ts";
import { ListeningSocket, type SocketChoice } from "./socket_path.ts";

/** The name of the listening socket among what is held. */
const LISTENER = "listen";

/** What of a daemon outlives it where somebody holds descriptors for it. */
export interface HeldParts {
  readonly listening: ListeningSocket;
  /** The clients' sockets; null where they are hung up when the daemon dies. */
  readonly held: HeldSockets | null;
  /** The socket listened before we came: it stays, should we fail to start. */
  readonly inherited: boolean;
}

/**
 * Opens the listening socket, or takes up the one that was held, so that clients who came while
 * there was no daemon have only waited; and what the clients' sockets are held with, if the
 * journal `keepsState`: to go on with a client whose watches and answers are lost would be wrong.
 *
 * @throws {SocketError} when it can't be had.
 */
export async function openHeldParts(
  choice: SocketChoice,
  keepsState: boolean,
  log: Log,
): Promise<HeldParts> {
  const holder = Holder.find(Deno.env, log);
  if (holder === null) {
    return { listening: await ListeningSocket.open(choice), held: null, inherited: false };
  }
  const before = takeListening(holder, choice);
  const listening = before ?? await ListeningSocket.open(choice);
  if (before === null) holder.store(LISTENER, listening.fd);
  listening.onClose = () => holder.remove(LISTENER);
  if (!keepsState) HeldSockets.abandon(holder);
  const held = keepsState ? HeldSockets.open(holder, log) : null;
  return { listening, held, inherited: before !== null };
}

/** The socket that was held, if it is the one to listen at. */
function takeListening(holder: Holder, { path }: SocketChoice): ListeningSocket | null {
  const fd = holder.take(LISTENER);
  if (fd === null) return null;
  const listening = ListeningSocket.inheritAt(path, fd);
  if (listening !== null) return listening;
  holder.remove(LISTENER);
  closeFd(fd);
  return null;
}
