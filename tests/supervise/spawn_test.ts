/** A daemon that can't even be started again: its supervisor goes on trying. */
import { systemClock } from "../../lib/clock.ts";
import { assertEquals } from "@std/assert";
import { supervise } from "../../lib/server/supervision/supervise.ts";
import { makeScratch } from "../support/scratch.ts";
import { missingFile, testUnless } from "../support/skip.ts";

const PYTHON = "/usr/bin/python3";
const noPython = await missingFile(PYTHON, "python3");

/** A daemon that says that it serves, takes its own program away, and dies. */
const VANISHING = `#!${PYTHON}
import os, signal, socket
holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
holder.connect(os.environ["NOTIFY_SOCKET"].replace("@", "\\0"))
holder.send(b"READY=1\\n")
os.unlink(__file__)
os.kill(os.getpid(), signal.SIGKILL)
`;

testUnless(
  noPython,
  "supervised: a program that is not there for a while is tried again",
  async () => {
    await using scratch = await makeScratch();
    const program = `${scratch.path}/daemon`, logFile = `${scratch.path}/log`;
    await Deno.writeTextFile(program, VANISHING, { mode: 0o755 });
    const how = { restarts: 3, restartDelay: 1, logLevel: "info", logFile } as const;
    assertEquals(await supervise({ program, words: ["daemon"], ...how, clock: systemClock }), 1);
    const lines = Deno.readTextFileSync(logFile).trimEnd().split("\n");
    const kinds = lines.map((line) => /start '|started again|given up/.exec(line)?.[0]);
    assertEquals(kinds, ["started again", "start '", "started again", "start '", "given up"]);
  },
);
