/** The Python client: nodes, permissions, transactions and watches, over Debian's python3-pyxs. */
import { assertEquals, assertMatch } from "@std/assert";
import { runClient, serversUnderTest } from "./servers.ts";
import { PATIENCE_MS } from "../support/patience.ts";
import { missingFile, testUnless } from "../support/skip.ts";

// Debian's own Python: another one on PATH does not have Debian's packages.
const PYTHON = "/usr/bin/python3";
const SCRIPT = new URL("./pyxs_client.py", import.meta.url).pathname;
const noPyxs = await missingFile("/usr/lib/python3/dist-packages/pyxs/__init__.py", "python3-pyxs");

for (const { name, missing, start } of await serversUnderTest()) {
  testUnless(noPyxs ?? missing, `pyxs: ${name}`, async () => {
    await using server = await start();
    const { code, output } = await runClient(server, PYTHON, [SCRIPT], PATIENCE_MS);
    assertMatch(output, /^all good$/m);
    assertEquals(code, 0, output);
  });
}
