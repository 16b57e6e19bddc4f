/** A real terminal for tests: tmux, which draws what a program writes. */
import { until } from "./patience.ts";

/** Runs `tmux` on a server of its own. */
export async function runTmux(server: string, ...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command("tmux", {
    args: ["-L", server, "-f", "/dev/null", ...args],
    stderr: "null",
  }).output();
  return new TextDecoder().decode(stdout);
}

/** What the terminal shows once it matches; it may be drawn in part only, so that each part is to be waited for. */
export async function seen(server: string, pattern: RegExp): Promise<string> {
  return await until(`${pattern} on the terminal`, async () => {
    const screen = await runTmux(server, "capture-pane", "-p");
    return pattern.test(screen) ? screen : null;
  });
}
