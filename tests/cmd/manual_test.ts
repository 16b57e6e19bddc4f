/** `xs help WORD` shows the manual on a terminal, where its page is installed. */
import { assertEquals, assertMatch } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { processShell } from "../../cmd/shell.ts";
import { fakeShell } from "../support/fake_shell.ts";
import { makeScratch } from "../support/scratch.ts";

const PAGES = ["xs-read", "xs-history"];

async function help(
  words: readonly string[],
  onTerminal = true,
): Promise<[string[], string, string]> {
  const terminals = onTerminal ? ["stdout"] as const : [];
  const shell = fakeShell(["help", ...words], { pages: PAGES, terminals });
  await runApp(shell);
  return [[...shell.pagesShown], shell.printed.out.split("\n")[0]!, shell.printed.err];
}

Deno.test("xs help shows the page of a command, of its other names, and of a topic", async () => {
  for (const word of ["read", "get", "cat"]) {
    assertEquals(await help([word]), [["xs-read"], "", ""]);
  }
  assertEquals(await help(["history"]), [["xs-history"], "", ""]);
});

Deno.test("xs help prints the help where there is no page, or no terminal", async () => {
  const [shown, first] = await help(["write"]);
  assertEquals([shown, first], [[], "Usage: xs write [OPTION]... PATH VALUE [PATH VALUE]..."]);
  const [none, text] = await help(["read"], false);
  assertEquals([none, text], [[], "Usage: xs read [OPTION]... PATH..."]);
  const [nothing, out, err] = await help(["../read"]);
  assertEquals([nothing, out], [[], ""]);
  assertMatch(err, /^xs: \.\.\/read: unknown command/);
});

Deno.test("the process's own shell asks man, and is told where there is none", async () => {
  await using scratch = await makeScratch();
  const log = `${scratch.path}/log`;
  const path = Deno.env.get("PATH")!;
  try {
    Deno.env.set("PATH", scratch.path);
    assertEquals(await processShell().showManual("xs-read"), false);
    const man = `#!/bin/sh\necho "$*" >${log}\n[ "$1" = xs-read ]\n`;
    await Deno.writeTextFile(`${scratch.path}/man`, man, { mode: 0o755 });
    assertEquals(await processShell().showManual("xs-read"), true);
    assertEquals(await Deno.readTextFile(log), "xs-read\n");
    assertEquals(await processShell().showManual("xs-none"), false);
  } finally {
    Deno.env.set("PATH", path);
  }
});
