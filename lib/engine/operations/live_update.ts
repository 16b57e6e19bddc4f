import { EINVAL } from "../../wire/errors.ts";
import type { Call } from "../request.ts";
import type { UpdateStart } from "../live_update_session.ts";
import { LATER, type Outcome, parseLoose, textReply } from "./outcome.ts";

/**
 * CONTROL `live-update`: `-f file` begins, `-c cmdline` and `-s [-t sec] [-F] [-v version]` go on,
 * `-a` ends it. Most of what can go wrong is told in a text, not by an error (section 8.5). The
 * parts of a stub domain's image (`-b`, `-d`) are for a daemon that is one.
 */
export function liveUpdate(call: Call, args: readonly string[]): Outcome {
  const { connection, now, state: { liveUpdate: update } } = call;
  const [option, word, ...more] = args;
  if (option === "-s") {
    const start = readStart(args.slice(1));
    if (start === null) return EINVAL;
    const reply = update.start(connection, call, start, now);
    return reply === null ? LATER : textReply(reply);
  }
  if (option === "-a") return word === undefined ? textReply(update.abort()) : EINVAL;
  if (word === undefined || more.length > 0) return EINVAL;
  if (option === "-f") return textReply(update.begin(connection, word));
  if (option === "-c") return textReply(update.setCommandLine(connection, word));
  return EINVAL;
}

function readStart(args: readonly string[]): UpdateStart | null {
  let [timeout, force] = [0, false];
  let version: number | null = null;
  for (let i = 0; i < args.length; i++) {
    const word = args[i + 1];
    if (args[i] === "-F") {
      force = true;
    } else if (args[i] === "-t" && word !== undefined) {
      timeout = parseLoose(word);
      i++;
    } else if (args[i] === "-v" && word !== undefined) {
      version = parseLoose(word);
      i++;
    } else {
      return null;
    }
  }
  return { timeout, force, version };
}
