import { assert, assertEquals } from "@std/assert";

interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly code?: { readonly specifier: string };
    readonly isDynamic?: boolean;
  }[];
}

/** Everything that is loaded with a module, without what it imports only when needed. */
async function loadedWith(path: string): Promise<string[]> {
  const entry = new URL(`../../${path}`, import.meta.url).href;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    stderr: "null",
  }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as { modules: Module[] };
  const bySpecifier = new Map(modules.map((module) => [module.specifier, module]));
  const loaded = new Set<string>();
  const open = [entry];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (loaded.has(at)) continue;
    loaded.add(at);
    for (const { code, isDynamic } of bySpecifier.get(at)?.dependencies ?? []) {
      if (code !== undefined && isDynamic !== true) open.push(code.specifier);
    }
  }
  return [...loaded];
}

/** The daemon's parts; its table of quotas is plain data, which `xs serve --help` shows. */
const HEAVY =
  /^node:|\/ffi\/|\/lib\/(server|store|archive|persist|codec|state|transport|journal|engine\/(?!quotas\.ts))/;

Deno.test("a client command loads neither the server nor node: modules", async () => {
  for (const entry of ["cmd/main.ts", "cmd/app.ts", "cmd/stock/control.ts"]) {
    const loaded = await loadedWith(entry);
    assert(loaded.length > 5, `${entry}: ${loaded}`);
    const unwanted = loaded.filter((name) => HEAVY.test(name));
    assertEquals(unwanted, [], entry);
  }
});

Deno.test("the stock tools load no command-line library", async () => {
  const loaded = await loadedWith("cmd/main.ts");
  assertEquals(loaded.filter((name) => name.includes("stricli")), []);
});
