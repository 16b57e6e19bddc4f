import { assertEquals, assertRejects } from "@std/assert";
import { Operations } from "../../lib/client/operations.ts";
import { Session } from "../../lib/client/session.ts";
import { ControlFailure, controlTool, xsControlTool } from "../../lib/client/tools/control.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { joinStrings, splitStrings } from "../../lib/wire/payload.ts";
import { FakeStream } from "./fake_stream.ts";

interface Exchange {
  /** What the daemon answers, request by request; `!` before an error's name. */
  readonly answers: string[];
  readonly args: readonly string[];
  readonly sent: readonly string[];
  readonly printed?: string;
  readonly failure?: string;
  /** Of `xs control`, not of the stock tool. */
  readonly xs?: boolean;
}

const exchanges: Exchange[] = [
  {
    args: ["/bin/new"],
    answers: ["OK", "OK"],
    sent: ["live-update -f /bin/new", "live-update -s -t 60"],
  },
  {
    args: ["-F", "-t", "7", "-c", "one two", "/bin/new"],
    answers: ["OK", "OK", "BUSY", "OK"],
    sent: [
      "live-update -f /bin/new",
      "live-update -c one two",
      "live-update -s -t 7 -F",
      "live-update -s -t 7 -F",
    ],
  },
  {
    args: ["/bin/new"],
    answers: ["File not executable."],
    sent: ["live-update -f /bin/new"],
    failure: "Setting update binary failed:\nFile not executable.\n",
  },
  {
    args: ["-t", "0", "/bin/new"],
    answers: ["OK", "BUSY", "OK"],
    sent: ["live-update -f /bin/new", "live-update -s -t 0", "live-update -a"],
    failure: "Starting live update failed:\nBUSY\n",
  },
  {
    args: ["/bin/new"],
    answers: ["!EBUSY"],
    sent: ["live-update -f /bin/new"],
    failure: "Error 16 when trying to execute command.\n",
  },
  {
    args: ["/bin/new"],
    answers: ["!EINVAL", "help text"],
    sent: ["live-update -f /bin/new", "help"],
    failure: "Command not supported. Valid commands are:\nhelp text\n",
  },
  { args: ["-a"], answers: ["OK", "OK"], sent: ["live-update -f -a", "live-update -s -t 60"] },
  { args: ["-a"], answers: ["OK"], sent: ["live-update -a"], printed: "OK\n", xs: true },
  {
    args: ["-s", "-t", "3"],
    answers: ["x"],
    sent: ["live-update -s -t 3"],
    printed: "x\n",
    xs: true,
  },
  {
    args: ["-f", "/new"],
    answers: ["OK"],
    sent: ["live-update -f /new"],
    printed: "OK\n",
    xs: true,
  },
  {
    args: ["-v", "1", "-F", "/new"],
    answers: ["OK", "OK"],
    sent: ["live-update -f /new", "live-update -s -t 60 -F -v 1"],
    xs: true,
  },
  { args: ["-x", "/new"], answers: [], sent: [], failure: "Unknown option -x\n", xs: true },
];

Deno.test("a live update goes step by step", async () => {
  for (const { answers, args, sent, failure, xs, printed: expected = "" } of exchanges) {
    const left = [...answers];
    const stream = new FakeStream((stream, { reqId }) => {
      const answer = left.shift()!;
      if (answer.startsWith("!")) {
        stream.reply(MessageType.ERROR, reqId, joinStrings(answer.slice(1)));
      } else stream.reply(MessageType.CONTROL, reqId, joinStrings(answer));
    });
    const session = new Session(stream, "/fake");
    let printed = "";
    const run = (xs === true ? xsControlTool : controlTool)(
      new Operations(session),
      (text) => printed += text,
      "live-update",
      args,
    );
    if (failure === undefined) await run;
    else assertEquals((await assertRejects(() => run, ControlFailure)).text, failure);
    assertEquals(printed, expected);
    const words = stream.requests.map(({ payload }) => splitStrings(payload).join(" "));
    assertEquals(words, sent, args.join(" "));
    session.close();
  }
});
