/** All commands of `xs`: each states its own name, group and help. */
import type { XsCommand } from "./command.ts";
import { blameCommand } from "./commands/blame.ts";
import { bisectCommand } from "./commands/bisect.ts";
import { chmodCommand } from "./commands/chmod.ts";
import { completionsCommand } from "./commands/completions.ts";
import { controlCommand } from "./commands/control.ts";
import { diffCommand } from "./commands/diff.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { dumpCommand } from "./commands/dump.ts";
import { errorsCommand } from "./commands/errors.ts";
import { existsCommand } from "./commands/exists.ts";
import { getPathCommand } from "./commands/getpath.ts";
import { historyCommand } from "./commands/history.ts";
import { introducedCommand } from "./commands/introduced.ts";
import { listCommand } from "./commands/list.ts";
import { liveUpdateCommand } from "./commands/live_update.ts";
import { logCommand } from "./commands/log.ts";
import { lsCommand } from "./commands/ls.ts";
import { metricsCommand } from "./commands/metrics.ts";
import { mkdirCommand } from "./commands/mkdir.ts";
import { quotaCommand } from "./commands/quota.ts";
import { permsCommand } from "./commands/perms.ts";
import { readCommand } from "./commands/read.ts";
import { replayCommand } from "./commands/replay.ts";
import { restoreCommand } from "./commands/restore.ts";
import { revertCommand } from "./commands/revert.ts";
import { ringCommand } from "./commands/ring.ts";
import { rmCommand } from "./commands/rm.ts";
import { serveCommand } from "./commands/serve.ts";
import { showCommand } from "./commands/show.ts";
import { statusCommand } from "./commands/status.ts";
import { topCommand } from "./commands/top.ts";
import { traceCommand } from "./commands/trace.ts";
import { txCommand } from "./commands/tx.ts";
import { waitCommand } from "./commands/wait.ts";
import { watchCommand } from "./commands/watch.ts";
import { whoCommand } from "./commands/who.ts";
import { writeCommand } from "./commands/write.ts";

/** In the order in which `xs --help` shows them within their groups. */
export const commands: readonly XsCommand[] = [
  readCommand,
  lsCommand,
  listCommand,
  existsCommand,
  permsCommand,
  getPathCommand,
  introducedCommand,
  writeCommand,
  txCommand,
  rmCommand,
  mkdirCommand,
  chmodCommand,
  watchCommand,
  waitCommand,
  dumpCommand,
  restoreCommand,
  diffCommand,
  historyCommand,
  logCommand,
  showCommand,
  blameCommand,
  revertCommand,
  bisectCommand,
  statusCommand,
  quotaCommand,
  doctorCommand,
  metricsCommand,
  topCommand,
  whoCommand,
  traceCommand,
  replayCommand,
  ringCommand,
  errorsCommand,
  serveCommand,
  controlCommand,
  liveUpdateCommand,
  completionsCommand,
];
