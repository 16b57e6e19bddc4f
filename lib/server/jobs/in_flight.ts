import type { Connection } from "../../engine/connection.ts";
import type { ConnectionIo } from "../../persist/snapshot.ts";
import type { Connection as ConnectionRecord } from "../../state/records.ts";
import { Peer } from "../peer/peer.ts";
import type { InFlight } from "../peer/peer_host.ts";

const NOTHING = new Uint8Array(0);
const NOTHING_IN_FLIGHT: InFlight = {
  input: NOTHING,
  output: NOTHING,
  partialResponse: 0,
  ignored: false,
};

/** What is buffered either way; descriptors and ports mean nothing outside of this process. */
export function ioOf({ outbox }: Connection): ConnectionIo {
  const flight = outbox instanceof Peer ? outbox.handOver() : NOTHING_IN_FLIGHT;
  return { ...flight, fd: -1, port: 0 };
}

/** A ring that has something in flight of its own cannot go on with another's. */
export function inherit({ outbox }: Connection, record: ConnectionRecord): boolean {
  if (!(outbox instanceof Peer)) return false;
  const own = outbox.handOver();
  if (own.ignored || own.input.length + own.output.length > 0) return false;
  const { input, output, partialResponse } = record;
  outbox.takeOver({ input, output, partialResponse, ignored: false });
  return true;
}
