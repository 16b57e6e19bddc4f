/** Programs that are to take a daemon's place, and do not. */
import { xsCommand } from "../support/daemon.ts";

/** What the operator of a daemon that died on its way hears. */
export const DIED = "The daemon died before another was in its place.";

/** A program that passes the trial as `xs` does, and does `then` when it is to take over. */
export function successor(folder: string, then: string): string {
  const [command, ...words] = xsCommand();
  const file = `${folder}/successor`;
  const run = [command, ...words].join(" ");
  const script = `#!/bin/sh
# xs-live-update-trial-1
case "$*" in
*--live-update-check*) exec ${run} "$@" ;;
esac
${then}
`;
  Deno.writeTextFileSync(file, script, { mode: 0o755 });
  return file;
}
