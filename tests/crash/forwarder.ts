/**
 * A program of its own for clients of a daemon, so that they are another process: it connects to the socket that its second argument
 * names for each connection that it gets at the one that its first argument names.
 */
const [at, daemon] = Deno.args as [string, string];

async function join(client: Deno.UnixConn): Promise<void> {
  try {
    const server = await Deno.connect({ transport: "unix", path: daemon });
    await Promise.allSettled([
      client.readable.pipeTo(server.writable),
      server.readable.pipeTo(client.writable),
    ]);
  } catch {
    // There is no daemon now.
    client.close();
  }
}

for await (const client of Deno.listen({ transport: "unix", path: at })) void join(client);
