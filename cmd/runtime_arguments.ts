/** What stands between the runtime and our own arguments: nothing in a compiled binary. */
export function runtimeArguments(): string[] {
  const words = Deno.readTextFileSync("/proc/self/cmdline").split("\0").slice(1, -1);
  return words.slice(0, words.length - Deno.args.length);
}
