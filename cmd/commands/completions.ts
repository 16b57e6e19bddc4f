import { type Application, proposeCompletions } from "@stricli/core";
import { buildCommand, type XsCommand } from "../command.ts";
import type { XsContext } from "../context.ts";
import { UsageError } from "../report.ts";
import type { Shell } from "../shell.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

/**
 * A function for each shell that asks `xs __complete` for what may come next: one proposal a line,
 * with a tab and a description behind it.
 */
export const completionScripts: Readonly<Record<typeof SHELLS[number], string>> = {
  bash: `# xs completions bash > /etc/bash_completion.d/xs
_xs() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("\${line%%$'\\t'*}")
  done < <("\${COMP_WORDS[0]}" __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ \${COMPREPLY[0]} == /* ]]; then compopt -o nospace; fi
}
complete -o default -F _xs xs
`,
  zsh: `#compdef xs
# xs completions zsh > "\${fpath[1]}/_xs"
_xs() {
  local line
  local -a proposals
  for line in "\${(@f)$("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && proposals+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe 'xs' proposals
}
compdef _xs xs
`,
  fish: `# xs completions fish > ~/.config/fish/completions/xs.fish
complete -c xs -f -a '(xs __complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
`,
};

function print(this: XsContext, _flags: Record<never, never>, shell: string): void {
  this.shell.stdout.write(completionScripts[shell as typeof SHELLS[number]]);
}

function parseShell(input: string): string {
  if (SHELLS.some((shell) => shell === input)) return input;
  throw new UsageError(`unknown shell (it is one of ${SHELLS.join(", ")})`);
}

/** `xs completions`. */
export const completionsCommand: XsCommand = buildCommand<
  Record<never, never>,
  [string]
>({
  func: print,
  parameters: {
    positional: {
      kind: "tuple",
      parameters: [{
        brief: `The shell: ${SHELLS.join(", ")}`,
        placeholder: "SHELL",
        parse: parseShell,
        proposeCompletions: (partial) => SHELLS.filter((shell) => shell.startsWith(partial)),
      }],
    },
  },
  docs: {
    name: "completions",
    group: "daemon",
    brief: "print a completion script",
    description: [
      "Prints a script with which a shell completes commands, options and paths.",
    ],
    examples: [
      ['eval "$(xs completions bash)"', "complete in the running bash"],
      ["xs completions bash > /etc/bash_completion.d/xs", "complete in every new bash"],
    ],
  },
});

/** `xs __complete`: what may come next on a half-typed command line. */
export async function printProposals(
  app: Application<XsContext>,
  words: readonly string[],
  shell: Shell,
): Promise<number> {
  const process = { stdout: shell.stdout, stderr: shell.stderr };
  // Stricli proposes hidden flags as well, and -- where nothing was typed: neither helps.
  const typed = words.at(-1) ?? "";
  const context = { process, shell: withSocket(shell) };
  const proposals = await proposeCompletions(app, words, context);
  for (const { completion, brief } of proposals) {
    if (completion === "--socket-only" || (completion === "--" && typed === "")) continue;
    shell.stdout.write(`${completion}\t${brief}\n`);
  }
  return 0;
}

/** The shell, with the socket that was typed, so that paths are asked for where they will be used. */
function withSocket(shell: Shell): Shell {
  const typed = shell.args.indexOf("--socket");
  const socket = shell.args[typed + 1];
  if (typed < 0 || socket === undefined || typed + 1 === shell.args.length - 1) return shell;
  const env = (name: string): string | undefined =>
    name === "XENSTORED_PATH" ? socket : shell.around.env(name);
  return { ...shell, around: { ...shell.around, env } };
}
