import { assertEquals } from "@std/assert";
import { startDaemon } from "../support/daemon.ts";
import { makeScratch } from "../support/scratch.ts";
import { testUnless } from "../support/skip.ts";

const binary = Deno.env.get("XS_BINARY") ?? "";
const missing = binary === "" ? "XS_BINARY names no compiled xs: deno task compile" : undefined;

/** After half a second the runtime itself would ask whether there is a newer one. */
const LONG_ENOUGH_MS = 2_000;

testUnless(missing, "the compiled daemon asks nobody on the network for anything", async () => {
  // It would remember for a day that it has asked.
  await using cache = await makeScratch();
  using proxy = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${proxy.addr.port}`;
  const asked: string[] = [];
  const asking = (async () => {
    for await (using connection of proxy) {
      const bytes = new Uint8Array(1024);
      const count = await connection.read(bytes);
      asked.push(new TextDecoder().decode(bytes.subarray(0, count ?? 0)));
    }
  })();
  const env = { HTTPS_PROXY: url, HTTP_PROXY: url, NO_PROXY: "", DENO_DIR: cache.path };
  {
    await using _daemon = await startDaemon({ args: ["--xen", "no"], env });
    await new Promise((resolve) => setTimeout(resolve, LONG_ENOUGH_MS));
  }
  proxy.close();
  await asking;
  assertEquals(asked, []);
});
