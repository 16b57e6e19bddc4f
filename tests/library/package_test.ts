/** The project as a package: complete documentation, what is published, and what each export loads. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readText, ROOT } from "../support/sources.ts";
import { makeScratch } from "../support/scratch.ts";

interface Project {
  readonly name: string;
  readonly exports: Readonly<Record<string, string>>;
}

const project = JSON.parse(readText("deno.json")) as Project;

async function deno(cwd: string, ...args: string[]): Promise<{ success: boolean; text: string }> {
  const { stderr, stdout, success } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { success, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

Deno.test("every symbol of every export is documented", async () => {
  const { success, text } = await deno(ROOT, "doc", "--lint", ...Object.values(project.exports));
  assert(success, text);
});

Deno.test("the package can be published, and holds the library alone", async () => {
  const { success, text } = await deno(ROOT, "publish", "--dry-run", "--allow-dirty");
  assert(success, text);
  const files = [...text.matchAll(/^ *file:\/\/(\S+) \(/gm)].map(([, path]) =>
    path!.slice(ROOT.length)
  );
  for (const wanted of ["mod.ts", "client.ts", "README.md", "LICENSE", "lib/client/client.ts"]) {
    assert(files.includes(wanted), `${wanted} is missing: ${text}`);
  }
  const foreign = files.filter((path) =>
    !/^(?:lib|ffi)\/|^[^/]+\.(?:ts|md|json)$|^LICENSE$/.test(path)
  );
  assertEquals(foreign, []);
  assertEquals(files.filter((path) => path.endsWith("_test.ts")), []);
});

/** What a program in another folder loads that imports one export by its path. */
async function loadedBy(path: string): Promise<string[]> {
  await using scratch = await makeScratch();
  Deno.writeTextFileSync(
    `${scratch.path}/main.ts`,
    `import * as xenstore from "file://${ROOT}${path}";\nconsole.log(Object.keys(xenstore));\n`,
  );
  Deno.writeTextFileSync(`${scratch.path}/deno.json`, "{}");
  const { success, text } = await deno(scratch.path, "info", "--json", "main.ts");
  assert(success, text);
  const { modules } = JSON.parse(text) as {
    modules: readonly { specifier: string; error?: string }[];
  };
  assertEquals(modules.filter(({ error }) => error !== undefined), [], text);
  return modules.map(({ specifier }) => specifier.replace(`file://${ROOT}`, "")).sort();
}

Deno.test("./client loads neither the daemon nor FFI, ./wire only the protocol", async () => {
  const client = await loadedBy("client.ts");
  assert(client.includes("lib/client/client.ts"), client.join());
  const foreign = client.filter((path) =>
    !/^(?:client\.ts|lib\/(?:client|wire)\/.*|lib\/(?:clock|files|limits)\.ts|.*\/main\.ts)$/.test(
      path,
    )
  );
  assertEquals(foreign, []);
  const wire = await loadedBy("wire.ts");
  assertEquals(
    wire.filter((path) => !/^(?:wire\.ts|lib\/wire\/.*|lib\/limits\.ts|.*\/main\.ts)$/.test(path)),
    [],
  );
});

Deno.test("every export of the library can be imported without an import map", async () => {
  for (const path of Object.values(project.exports)) {
    const loaded = await loadedBy(path.replace("./", ""));
    assertEquals(
      loaded.filter((name) => !/^file:|^node:|^lib\/|^ffi\/|^[a-z]+\.ts$/.test(name)),
      [],
      path,
    );
  }
});

Deno.test("a program in another folder plays a guest in ten lines", async () => {
  await using scratch = await makeScratch();
  const lines = [
    `import { Client, EmbeddedServer, wait } from "file://${ROOT}testing.ts";`,
    `await using server = await EmbeddedServer.start();`,
    `await using toolstack = await Client.connect({ socket: server.socketPath });`,
    `using guest = await server.guest(7);`,
    `await guest.write("state", "4");`,
    `await wait(toolstack, "/local/domain/7/state = 4");`,
    `await toolstack.write("/local/domain/7/reply", "5");`,
    `console.log("read", await guest.readText("reply"));`,
  ];
  Deno.writeTextFileSync(`${scratch.path}/main.ts`, lines.join("\n"));
  Deno.writeTextFileSync(`${scratch.path}/deno.json`, "{}");
  const { success, text } = await deno(scratch.path, "run", "-A", "main.ts");
  assert(success, text);
  assertStringIncludes(text, "read 5");
});

/** Runs a client that is denied something; returns what it printed. */
async function denied(connect: string, ...permissions: string[]): Promise<string> {
  await using scratch = await makeScratch();
  const program = [
    `import { Client } from "file://${ROOT}client.ts";`,
    `try { await Client.connect(${connect}); } catch ({ name, code, message, stack }) {`,
    `  console.log(name, code, message, stack.includes("main.ts"));`,
    `}`,
  ];
  Deno.writeTextFileSync(`${scratch.path}/main.ts`, program.join("\n"));
  const args = ["run", "--no-prompt", ...permissions, "main.ts"];
  return (await deno(scratch.path, ...args)).text;
}

Deno.test("a permission that Deno denies is named, with what grants it", async () => {
  const socket = await denied(`{ socket: "/tmp/none/socket" }`);
  assertStringIncludes(socket, "XenstoreError EACCES connect /tmp/none/socket: permission to read");
  assertStringIncludes(socket, "--allow-read");
  assertStringIncludes(socket, "true");
  const environment = await denied("");
  assertStringIncludes(environment, "XenstoreError EACCES connect: permission to read");
  assertStringIncludes(environment, "XENSTORED_PATH");
  assertStringIncludes(environment, "--allow-env");
});
