import { assert, assertEquals } from "@std/assert";
import { runApp } from "../../cmd/app.ts";
import { commands } from "../../cmd/command_list.ts";
import { optionRows, type Parameters } from "../../cmd/help/command_page.ts";
import { xsCommand } from "../support/daemon.ts";
import { testUnless } from "../support/skip.ts";
import { fakeShell } from "../support/fake_shell.ts";

async function scriptFor(shell: string): Promise<string> {
  const fake = fakeShell(["completions", shell]);
  assertEquals(await runApp(fake), 0);
  return fake.printed.out;
}

async function missing(program: string): Promise<string | undefined> {
  const { success } = await new Deno.Command("sh", {
    args: ["-c", `command -v ${program}`],
    stdout: "null",
  }).output();
  return success ? undefined : `no ${program} on this machine`;
}

async function output(program: string, ...args: string[]): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(program, { args, stdin: "null" }).output();
  assertEquals(new TextDecoder().decode(stderr), "");
  return new TextDecoder().decode(stdout);
}

testUnless(await missing("bash"), "bash completes commands and options", async () => {
  const script = await scriptFor("bash");
  const call = `${script}
xs() { ${xsCommand().map((word) => `'${word}'`).join(" ")} "$@"; }
compopt() { :; }
COMP_WORDS=(xs $1 "$2"); COMP_CWORD=$3; _xs; printf '%s\\n' "\${COMPREPLY[@]}"`;
  assertEquals(await output("bash", "-c", call, "-", "", "wr", "1"), "write\n");
  assertEquals(await output("bash", "-c", call, "-", "ls", "--f", "2"), "--flat\n");
});

Deno.test("each command, and each of its options, is proposed", async () => {
  const proposed = async (...words: string[]): Promise<string[]> => {
    const shell = fakeShell(["__complete", ...words]);
    assertEquals(await runApp(shell), 0);
    return shell.printed.out.split("\n").map((line) => line.split("\t")[0]!);
  };
  const names = await proposed("");
  for (const { docs } of commands) assert(names.includes(docs.name), docs.name);
  for (const { docs, parameters } of commands) {
    const typed = await proposed(docs.name, "--");
    const options = optionRows(parameters as Parameters)
      .map(({ typed }) => /--[\w-]+/.exec(typed)![0]).filter((option) => option !== "--help");
    for (const option of options) assert(typed.includes(option), `${docs.name} ${option}`);
  }
});
