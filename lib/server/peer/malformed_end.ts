import type { MalformedMessages } from "../../engine/malformed_messages.ts";
import type { Peer } from "./peer.ts";
import type { GoneReason } from "./peer_host.ts";

/** What a client has sent at its end that could not be handled. */
export function noteEnd(
  malformed: MalformedMessages,
  { buffers, connection, kind }: Peer,
  reason: GoneReason,
  now: number,
): void {
  const { rejected } = buffers.input;
  if (reason === "oversize" && rejected !== null) malformed.noteBytes(connection, rejected, now);
  // A ring is finished only by its guest's breach of the index protocol, or a message too long.
  else if (reason === "closed" && kind === "ring") malformed.noteIndices(connection, now);
}
