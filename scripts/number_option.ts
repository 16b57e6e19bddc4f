/**
 * The number behind `--name`, in the same word or the next; null when it is not given.
 *
 * @throws {Error} when it is no number from 0 up
 */
export function numberOption(name: string): number | null {
  const at = Deno.args.findIndex((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`));
  if (at < 0) return null;
  const word = Deno.args[at]!;
  const text = word.includes("=") ? word.slice(word.indexOf("=") + 1) : Deno.args[at + 1];
  if (text === undefined || !/^\d{1,15}$/.test(text)) {
    throw new Error(`--${name} ${text ?? ""}: want a whole number from 0 up`);
  }
  return Number(text);
}
