import project from "../deno.json" with { type: "json" };

/** The version, with the commit in a compiled binary, into which scripts/compile.ts puts it. */
export function version(): string {
  const commit: unknown = Reflect.get(globalThis, "xsCommit");
  if (typeof commit !== "string" || commit === "") return project.version;
  return `${project.version} (${commit})`;
}
