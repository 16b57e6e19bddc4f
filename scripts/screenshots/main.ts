/** Makes docs/images: `xs top` in a real terminal (tmux) beside a host that is played. */
import { play, startHost } from "./scene.ts";
import { terminalSvg } from "./terminal_svg.ts";

const IMAGES = new URL("../../docs/images/", import.meta.url);
const MAIN = new URL("../../cmd/main.ts", import.meta.url).pathname;
const SESSION = `xs-screenshots-${Deno.pid}`;

/** Long enough for figures of some seconds. */
const SETTLE_MS = 5_000;

/** The pictures: keys that lead there from the one before, and the size of the terminal. */
const SHOTS: readonly (readonly [name: string, keys: string[], columns: number, lines: number])[] =
  [
    ["top-domains", [], 80, 24],
    ["top-processes", ["a"], 80, 24],
    ["top-paths", ["a"], 140, 24],
  ];

async function tmux(...args: string[]): Promise<string> {
  const command = new Deno.Command("tmux", { args: ["-L", SESSION, "-f", "/dev/null", ...args] });
  const { code, stderr, stdout } = await command.output();
  if (code !== 0) throw new Error(`tmux ${args[0]}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

async function shoot(): Promise<void> {
  await Deno.mkdir(IMAGES, { recursive: true });
  await using host = await startHost();
  const top = `XENSTORED_PATH='${host.socket}' '${Deno.execPath()}' run -A '${MAIN}' top`;
  await tmux("new-session", "-d", "-x", "80", "-y", "24", top);
  try {
    for (const [name, keys, columns, lines] of SHOTS) {
      await tmux("resize-window", "-x", `${columns}`, "-y", `${lines}`);
      for (const key of keys) await tmux("send-keys", key);
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      const screen = (await tmux("capture-pane", "-p")).split("\n").slice(0, lines);
      const svg = terminalSvg(screen, columns, `xs top, ${columns}x${lines}`);
      await Deno.writeTextFile(new URL(`${name}.svg`, IMAGES), svg);
      console.log(`docs/images/${name}.svg`);
    }
  } finally {
    await tmux("kill-server");
  }
}

const [program, socket] = Deno.args;
if (program !== undefined && socket !== undefined) await play(program, socket);
else await shoot();
Deno.exit(0);
