/**
 * The whole number in an environment variable, or `fallback` when it is not set.
 * @throws {Error} when it holds anything else
 */
export function numberFrom(variable: string, fallback: number): number {
  const text = Deno.env.get(variable);
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (!Number.isInteger(value)) throw new Error(`${variable}=${text}: must be a whole number`);
  return value;
}
