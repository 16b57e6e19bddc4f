import { assertEquals, assertStringIncludes } from "@std/assert";
import { type ReferenceKind, referenceMissing, startReference } from "./daemon.ts";
import { testUnless } from "../skip.ts";
import { startServer } from "../process.ts";

const missing = await referenceMissing();

for (const kind of ["c", "o"] satisfies ReferenceKind[]) {
  testUnless(missing, `daemon ${kind} starts, answers and stops`, async () => {
    const daemon = await startReference(kind);
    const { stdout, stderr, success } = await new Deno.Command("xenstore-ls", {
      env: { XENSTORED_PATH: daemon.socketPath },
    }).output();
    const status = await daemon.stop();
    assertEquals(new TextDecoder().decode(stderr), "");
    assertEquals(success, true);
    assertStringIncludes(new TextDecoder().decode(stdout), "tool");
    assertEquals(status.signal !== null || status.code === 0, true);
    await assertGone(daemon.dir);
  });
}

Deno.test("a server that ends early is an error that shows what it printed", async () => {
  let message = "";
  try {
    await startServer({
      name: "sh",
      command: "sh",
      args: ["-c", "echo no such luck >&2; exit 3"],
      socketPath: "/nonexistent/socket",
    });
  } catch (error) {
    message = String(error);
  }
  assertStringIncludes(message, "ended before it listened");
  assertStringIncludes(message, "no such luck");
});

async function assertGone(path: string): Promise<void> {
  const found = await Deno.stat(path).then(() => true, () => false);
  assertEquals(found, false, `${path} must be removed`);
}
