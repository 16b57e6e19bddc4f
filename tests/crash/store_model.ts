/** What requests do to a store, as far as tests of its history need it: every client is of the control domain. */
import { parsePerm } from "../../lib/store/perms.ts";
import type { Tree } from "../support/history_checks.ts";

export type Change =
  | { readonly do: "write"; readonly path: string; readonly value: string }
  | { readonly do: "mkdir" | "rm"; readonly path: string }
  | { readonly do: "set-perms"; readonly path: string; readonly perms: readonly string[] };

/** The store after some changes, all at once. */
export function changed(tree: Tree, changes: readonly Change[]): Tree {
  const after = new Map(tree);
  for (const change of changes) apply(after, change);
  return after;
}

function apply(tree: Map<string, string>, change: Change): void {
  const { path } = change, node = tree.get(path);
  switch (change.do) {
    case "write":
      if (node === undefined) make(tree, path);
      return void tree.set(path, `${change.value} ${permsOf(tree.get(path)!)}`);
    case "mkdir":
      return node === undefined ? make(tree, path) : undefined;
    case "rm":
      for (const one of [...tree.keys()]) {
        if (one === path || one.startsWith(`${path}/`)) tree.delete(one);
      }
      return;
    case "set-perms": {
      if (node === undefined) return;
      const value = node.slice(0, node.lastIndexOf(" "));
      return void tree.set(path, `${value} ${change.perms.map(parsePerm)}`);
    }
  }
}

/** A node has the permissions of that above it at first; what is missing above it is made, too. */
function make(tree: Map<string, string>, path: string): void {
  const parent = path.slice(0, path.lastIndexOf("/")) || "/";
  if (!tree.has(parent)) make(tree, parent);
  tree.set(path, ` ${permsOf(tree.get(parent)!)}`);
}

function permsOf(node: string): string {
  return node.slice(node.lastIndexOf(" ") + 1);
}
