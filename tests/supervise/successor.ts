/** Programs that are to take a daemon's place, and do not. */
import { xsCommand } from "../support/daemon.ts";

/** What the operator of a daemon that died on its way hears. */
export const DIED = "The daemon died before another was in its place.";

/** How `xs` is run by a shell, with the words that it is given. */
export const RUN_XS = `exec ${xsCommand().join(" ")} "$@"`;

/** What an `xs` lacks in its trial that can't go on with what is held. */
const FORGETFUL = "| grep -v xs-live-update-held";

/**
 * A program that passes the trial as `xs` does (as one that can go on with what is held, or not),
 * and does `then` when it is to take over.
 */
export function successor(folder: string, then: string, takesHeld = true): string {
  const [command, ...words] = xsCommand();
  const file = `${folder}/successor`;
  const run = [command, ...words].join(" ");
  const script = `#!/bin/sh
# xs-live-update-trial-1
case "$*" in
*--live-update-check*) ${run} "$@" ${takesHeld ? "" : FORGETFUL}; exit ;;
esac
${then}
`;
  Deno.writeTextFileSync(file, script, { mode: 0o755 });
  return file;
}
