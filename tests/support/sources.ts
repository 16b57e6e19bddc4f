/** Reads the project's own source files, for the checks of this folder. */

export const ROOT: string = new URL("../../", import.meta.url).pathname;

/** A module that another one names, as it is written there. */
export interface ImportedName {
  readonly specifier: string;
  readonly line: number;
}

export interface FunctionSpan {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
}

export interface Source {
  /** From the project's root. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly ImportedName[];
  readonly functions: readonly FunctionSpan[];
  /** Where Deno.dlopen stands in the code. */
  readonly dlopenLines: readonly number[];
}

/** Folders that hold no source of the project. */
const OUTSIDE = new Set([".git", "build", "node_modules"]);

/** The paths of all files under a folder whose name fits, from the project's root, sorted. */
export function filesUnder(folder: string, fits: RegExp): string[] {
  const found: string[] = [];
  const pending = [folder];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for (const entry of Deno.readDirSync(ROOT + at)) {
      const path = at === "" ? entry.name : `${at}/${entry.name}`;
      if (entry.isDirectory && !OUTSIDE.has(entry.name)) pending.push(path);
      if (entry.isFile && fits.test(path)) found.push(path);
    }
  }
  return found.sort();
}

export function readText(path: string): string {
  return Deno.readTextFileSync(ROOT + path);
}

/** Parses a TypeScript file. */
export function parseSource(path: string, text: string): Source {
  const imports: ImportedName[] = [];
  const functions: FunctionSpan[] = [];
  const dlopenLines: number[] = [];
  const lineAt = (offset: number): number => text.slice(0, offset).split("\n").length;
  const imported = (source: Deno.lint.Expression | Deno.lint.StringLiteral | null): void => {
    if (source?.type !== "Literal" || typeof source.value !== "string") return;
    imports.push({ specifier: source.value, line: lineAt(source.range[0]) });
  };
  const span = (node: Deno.lint.Node, name: string): void => {
    const line = lineAt(node.range[0]);
    functions.push({ name, line, lines: lineAt(node.range[1]) - line + 1 });
  };
  const visitor: Deno.lint.LintVisitor = {
    ImportDeclaration: (node) => imported(node.source),
    ExportNamedDeclaration: (node) => imported(node.source),
    ExportAllDeclaration: (node) => imported(node.source),
    ImportExpression: (node) => imported(node.source),
    TSImportType: ({ argument }) =>
      imported(argument.type === "TSLiteralType" ? argument.literal : null),
    FunctionDeclaration: (node) => span(node, node.id?.name ?? "default"),
    FunctionExpression: (node) => span(node, node.id?.name ?? "function"),
    ArrowFunctionExpression: (node) => span(node, "arrow function"),
    MemberExpression: (node) => {
      if (node.property.type !== "Identifier" || node.property.name !== "dlopen") return;
      dlopenLines.push(lineAt(node.range[0]));
    },
  };
  Deno.lint.runPlugin({ name: "tidy", rules: { read: { create: () => visitor } } }, path, text);
  return { path, text, imports, functions, dlopenLines };
}

/** The TypeScript files under some folders, parsed. */
export function readSources(folders: readonly string[]): Source[] {
  return folders
    .flatMap((folder) => filesUnder(folder, /\.ts$/))
    .map((path) => parseSource(path, readText(path)));
}
