/** A command that must succeed. */

export interface CommandSetting {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a command to its end and returns what it printed.
 *
 * @throws {Error} when it ends with another status than 0: with all that it printed
 */
export async function run(
  command: string,
  args: readonly string[],
  setting: CommandSetting = {},
): Promise<string> {
  const { success, code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    ...(setting.cwd === undefined ? {} : { cwd: setting.cwd }),
    ...(setting.env === undefined ? {} : { env: { ...setting.env } }),
  }).output();
  const said = new TextDecoder().decode(stdout);
  if (success) return said;
  const complaint = new TextDecoder().decode(stderr);
  throw new Error(`${command} ${args.join(" ")}: status ${code}\n${said}${complaint}`);
}

/** Where a command is, or null when it is not installed. */
export async function which(command: string): Promise<string | null> {
  for (const folder of (Deno.env.get("PATH") ?? "").split(":").concat("/usr/sbin", "/sbin")) {
    const path = `${folder}/${command}`;
    const found = await Deno.stat(path).catch(() => null);
    if (found?.isFile) return path;
  }
  return null;
}
