/** The commands of README.md's section on clients, typed as they stand there. */
import { assertEquals, assertGreater } from "@std/assert";
import { startDaemon, xsCommand } from "../support/daemon.ts";
import { makeScratch } from "../support/scratch.ts";

interface Step {
  readonly command: string;
  output: string;
}

/** The commands of the first console block under a heading, with what they are to print. */
function consoleSteps(markdown: string, heading: string): Step[] {
  const section = markdown.split(`\n## ${heading}\n`)[1] ?? "";
  const block = /```console\n([\s\S]*?)```/.exec(section)?.[1] ?? "";
  const steps: Step[] = [];
  for (const line of block.split("\n").slice(0, -1)) {
    const last = steps.at(-1);
    if (line.startsWith("$ ")) steps.push({ command: line.slice(2), output: "" });
    else if (last !== undefined) last.output += `${line}\n`;
  }
  return steps;
}

Deno.test("README's client commands print what README says", async () => {
  const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  const steps = consoleSteps(readme, "Clients");
  assertGreater(steps.length, 5);
  await using scratch = await makeScratch();
  await using daemon = await startDaemon();
  const words = xsCommand().map((word) => `'${word}'`).join(" ");
  await Deno.writeTextFile(`${scratch.path}/xs`, `#!/bin/sh\nexec ${words} "$@"\n`, {
    mode: 0o755,
  });
  for (const { command, output } of steps) {
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      args: ["-c", command],
      env: {
        PATH: `${scratch.path}:${Deno.env.get("PATH")}`,
        XENSTORED_PATH: daemon.socketPath,
      },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    // A terminal ends the line of a value that has no end of line; here it is trimmed.
    assertEquals(decoder.decode(stdout).trimEnd(), output.trimEnd(), command);
    assertEquals(decoder.decode(stderr), "", command);
    assertEquals(code, 0, command);
  }
});
