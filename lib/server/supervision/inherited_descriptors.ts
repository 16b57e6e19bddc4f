/** The variables of a process, which are taken out once they are read. */
export interface Variables {
  get(name: string): string | undefined;
  delete(name: string): void;
}

/**
 * Descriptors that a program in this very process, which has given way to us, has left open for
 * us: `pid:name=number,name=number`.
 */
const VARIABLE = "XS_KEPT";

/** Says to the program that is about to take our place which descriptors it finds; null: none. */
export function keepForNext(
  env: { set(name: string, value: string): void; delete(name: string): void },
  inherited: ReadonlyMap<string, number> | null,
): void {
  const words = [...inherited ?? []].map(([name, fd]) => `${name}=${fd}`);
  if (inherited === null) env.delete(VARIABLE);
  else env.set(VARIABLE, `${Deno.pid}:${words.join(",")}`);
}

/** What was left for us, by name; taken once. Children that inherit the variable find nothing. */
export function takeInherited(env: Variables): Map<string, number> {
  const [pid, words = ""] = (env.get(VARIABLE) ?? "").split(":");
  env.delete(VARIABLE);
  const inherited = new Map<string, number>();
  if (pid !== String(Deno.pid)) return inherited;
  for (const [, name, fd] of words.matchAll(/([^,=]+)=(\d+)/g)) inherited.set(name!, Number(fd));
  return inherited;
}
