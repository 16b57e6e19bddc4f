/** Words and patterns that no text of the project has (docs/style.md), with what to write instead. */
export interface Banned {
  readonly pattern: RegExp;
  readonly use: string;
}

/** In comments, docstrings, messages and documents. */
export const EVERYWHERE: readonly Banned[] = [
  { pattern: /\bcan't\b|\bcouldn't\b|\bcan not\b/i, use: "cannot" },
  { pattern: /\bh[au]ngs? up\b|\bhanging up\b/i, use: "disconnect" },
  { pattern: /\banew\b|\bafresh\b/i, use: "again" },
  { pattern: /\bwhom?(?:so)?ever\b/i, use: "the client that, a process that" },
  { pattern: /\bsomebody\b|\bsomeone\b/i, use: "a client, another client, an operator" },
  { pattern: /\blets? go of\b|\bletting go of\b/i, use: "release, give up" },
  { pattern: /\b(?:to|can|could|cannot) be had\b/i, use: "exists, can be opened, is available" },
  { pattern: /\bwhose (?:it|they) (?:is|are)\b/i, use: "its owner" },
  { pattern: /\bbur(?:y|ied|ies)\b/i, use: "release" },
  { pattern: /\bgrav(?:e|er|est)\b/i, use: "severe" },
  { pattern: /\bmanieth\b/i, use: "how many came before" },
  { pattern: /\b(?:is|are|was|were) gone on with\b/i, use: "continue" },
  { pattern: /\bcomes? about\b/i, use: "happen" },
  { pattern: /\bfor want of\b/i, use: "for lack of" },
  { pattern: /\bspoke last\b/i, use: "the latest setting" },
  { pattern: /\b(?:next|earlier|later) (?:life|lives)\b/i, use: "the next daemon, an earlier one" },
  { pattern: /\bheirs?\b/i, use: "the next daemon" },
  { pattern: /\bnone of ours\b/i, use: "unknown, unsupported" },
  { pattern: /\bthereof\b|\btherein\b|\bwherein\b|\bhitherto\b|\bbefall/i, use: "common words" },
];

/** Besides, in messages and documents: what users and operators read. */
export const SHOWN: readonly Banned[] = [
  { pattern: /\b(?:is|are|was|were) (?:not )?to be\b/i, use: "must be, can be, will be" },
  { pattern: /\bnobody\b|\banybody\b|\banyone\b/i, use: "no client, any client" },
  { pattern: /['}] is no [a-z]/, use: "invalid path 'x', must be a string" },
];

/** What a text has of what it must not have, with what to write instead. */
export function bannedIn(text: string, lists: readonly Banned[]): string[] {
  return lists.flatMap(({ pattern, use }) => {
    const found = pattern.exec(text);
    return found === null ? [] : [`'${found[0]}' (write: ${use})`];
  });
}
