import { MessageType } from "../../lib/wire/message_type.ts";
import { toBytes } from "../../lib/wire/text.ts";
import type { RawClient, Request } from "./raw_client.ts";

/** Requests sent in one piece while walking; bounds what waits in the sockets' buffers. */
const BATCH = 32;

/**
 * The whole tree as lines `path = value (perms) children`, level by level, children in the order
 * in which the server lists them.
 */
export async function dumpTree(client: RawClient): Promise<string[]> {
  const lines: string[] = [];
  let level = ["/"];
  while (level.length > 0) {
    const next: string[] = [];
    for (let at = 0; at < level.length; at += BATCH) {
      const paths = level.slice(at, at + BATCH);
      const replies = await ask(client, paths);
      paths.forEach((path, i) => {
        const [value, perms, children] = replies.slice(3 * i, 3 * i + 3);
        lines.push(`${path} = ${value} (${perms}) ${children}`);
        const names = (children ?? "").split("\0").filter((name) => name !== "");
        next.push(...names.map((name) => path === "/" ? `/${name}` : `${path}/${name}`));
      });
    }
    level = next;
  }
  return lines;
}

async function ask(client: RawClient, paths: readonly string[]): Promise<string[]> {
  const requests: Request[] = paths.flatMap((path) =>
    [MessageType.READ, MessageType.GET_PERMS, MessageType.DIRECTORY].map((type) => ({
      type,
      txId: 0,
      payload: toBytes(`${path}\0`),
    }))
  );
  const messages = await client.exchange(...requests);
  return messages
    .filter((message) => message.type !== MessageType.WATCH_EVENT)
    .map((message) => message.type === MessageType.ERROR ? `!${message.text}` : message.text);
}

/** The lines in which two dumps differ, ours behind `+`, the other's behind `-`. */
export function treeDifference(left: readonly string[], right: readonly string[]): string[] {
  const inRight = new Set(right);
  const inLeft = new Set(left);
  return [
    ...left.filter((line) => !inRight.has(line)).map((line) => `- ${JSON.stringify(line)}`),
    ...right.filter((line) => !inLeft.has(line)).map((line) => `+ ${JSON.stringify(line)}`),
  ];
}
