import { parseArgs } from "@std/cli/parse-args";

/**
 * The number behind `--name`, in the same word or the next; null when it is not given.
 *
 * @throws {Error} when it is no number from 0 up
 */
export function numberOption(name: string): number | null {
  const text = parseArgs(Deno.args, { string: [name] })[name];
  if (text === undefined) return null;
  if (/^\d{1,15}$/.test(`${text}`)) return Number(text);
  throw new Error(`--${name} ${text}: want a whole number from 0 up`);
}
