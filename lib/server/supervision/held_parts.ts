import type { Clock } from "../../clock.ts";
import { closeFd } from "../../../ffi/unix_socket.ts";
import { HeldSockets } from "./held_sockets.ts";
import { Holder } from "./holder_client.ts";
import type { Log } from "../logging/log.ts";
import { CHANNEL, PassedConnections } from "./passed_connections.ts";
import { takeActivated, wasActivated } from "../process/activated_socket.ts";
import { adoptListeningSocket, adoptListeningSocketAt } from "../process/adopt_listening_socket.ts";
import type { SocketChoice } from "../process/choose_socket_path.ts";
import { createListeningSocket } from "../process/create_listening_socket.ts";
import type { ListeningSocket } from "../process/listening_socket.ts";

/** What the listening socket's name begins with, among what is held; its file's number follows. */
const LISTENER = "listen-";

/** What of a daemon outlives it where a holder keeps descriptors for it. */
export interface HeldParts {
  readonly listening: ListeningSocket;
  /** The clients' sockets; null where they are disconnected when the daemon dies. */
  readonly held: HeldSockets | null;
  /** The socket listened before we came: it stays, should we fail to start. */
  readonly inherited: boolean;
}

/**
 * Opens the listening socket, or takes up the one that was held, so that clients who came while
 * there was no daemon have only waited; and what the clients' sockets are held with, if the
 * journal `keepsState`: to go on with a client whose watches and answers are lost would be wrong.
 *
 * @param listener the listening socket of the program that was here before in this process, or -1
 * @throws {SocketError} when it cannot be opened.
 */
export async function openHeldParts(
  choice: SocketChoice,
  keepsState: boolean,
  log: Log,
  clock: Clock,
  listener = -1,
): Promise<HeldParts> {
  const given = takeActivated(Deno.env, choice.path);
  const holder = Holder.find(Deno.env, log);
  const handedOver = listener < 0
    ? given
    : adoptListeningSocket(choice.path, listener, wasActivated(Deno.env));
  if (holder === null) {
    const listening = handedOver ?? await createListeningSocket(choice, clock);
    return { listening, held: null, inherited: handedOver !== null };
  }
  const before = handedOver ?? takeListening(holder, choice);
  const listening = before ?? await createListeningSocket(choice, clock);
  const name = LISTENER + listening.inode;
  if (before === null) holder.store(name, listening.fd);
  listening.onClose = () => holder.remove(name);
  if (!keepsState) HeldSockets.abandon(holder);
  const held = keepsState ? HeldSockets.open(holder, log) : null;
  const channel = holder.take(CHANNEL);
  // Clients that are disconnected with us need nobody who accepts them for us.
  if (held !== null && channel !== null) {
    held.passing = new PassedConnections(channel, name, holder, clock);
  } else if (channel !== null) closeFd(channel);
  return { listening, held, inherited: before !== null };
}

/** The socket that was held, if it is the one to listen at. */
function takeListening(holder: Holder, { path }: SocketChoice): ListeningSocket | null {
  let found: ListeningSocket | null = null;
  for (const name of holder.names) {
    if (!name.startsWith(LISTENER)) continue;
    const fd = holder.take(name)!;
    found ??= adoptListeningSocketAt(path, fd, Number(name.slice(LISTENER.length)));
    if (found?.fd === fd) continue;
    holder.remove(name);
    closeFd(fd);
  }
  return found;
}
