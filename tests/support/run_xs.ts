/** `xs` as a user calls it, in this process. */
import { runApp } from "../../cmd/app.ts";
import { fakeShell, type FakeShellOptions } from "./fake_shell.ts";

export interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `xs` in this process, against the daemon at `socket`. */
export async function xs(
  socket: string,
  args: readonly string[],
  options: FakeShellOptions = {},
): Promise<Outcome> {
  const shell = fakeShell(args, { env: { XENSTORED_PATH: socket }, ...options });
  const status = await runApp(shell);
  return { status, ...shell.printed };
}
