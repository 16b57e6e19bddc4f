/** What a run was measured on, in one line. */
export function machine(): string {
  const model = /model name\s*: (.*)/.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1];
  const date = new Date().toISOString().slice(0, 10);
  const cpus = `${navigator.hardwareConcurrency} x ${model ?? "unknown CPU"}`;
  return `${date}; ${cpus}, Linux ${Deno.osRelease()}, Deno ${Deno.version.deno}`;
}
