import { RawClient } from "../support/raw_client.ts";
import { startDaemon } from "../support/daemon.ts";
import type { ServerProcess } from "../support/process.ts";
import { startReference } from "../support/reference/daemon.ts";

/** A running server and the connections of the stream to it, by number. */
export interface Side extends AsyncDisposable {
  readonly name: string;
  readonly clients: readonly RawClient[];
  /** What the server has printed. */
  output(): string;
}

/** Which servers a run can be made against: ours, or Debian's C xenstored. */
export type Kind = "xs" | "C xenstored";

/** Starts a server of its own, with `connections` clients connected one after the other. */
export async function startSide(kind: Kind, connections: number): Promise<Side> {
  const server: ServerProcess = kind === "xs" ? await startDaemon() : await startReference("c");
  const clients: RawClient[] = [];
  for (let i = 0; i < connections; i++) clients.push(await RawClient.connect(server.socketPath));
  return {
    name: kind,
    clients,
    output: () => server.output(),
    async [Symbol.asyncDispose](): Promise<void> {
      for (const client of clients) client.close();
      await server.stop();
    },
  };
}
