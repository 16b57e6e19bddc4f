/** Story: xenstore-watch of Xen 4.17 spins for ever once its daemon has died: a processor of dom0 is gone for nothing. */
import { escapeBytes } from "../../wire/escape.ts";
import type { Rule } from "../evidence.ts";

export const spinningClients: Rule = {
  name: "spinning-clients",
  check: ({ spinning }) =>
    spinning.map(({ command, pid, share }) => ({
      object: `pid ${pid}`,
      text: `${escapeBytes(command)} uses ${Math.round(100 * share)} % of a processor`,
      command: `kill ${pid}`,
    })),
};
