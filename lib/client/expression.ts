import { NESTING_MAX } from "../limits.ts";
import { splitWords, type Word, WordError } from "./words.ts";

/** A condition on the store. Paths and values have one character a byte. */
export type Expression =
  | { readonly kind: "exists"; readonly path: string }
  | { readonly kind: "equals"; readonly path: string; readonly value: string }
  | { readonly kind: "not"; readonly operand: Expression }
  | { readonly kind: "and" | "or"; readonly left: Expression; readonly right: Expression };

const OPERATORS = ["!=", "=", "(", ")"] as const;

/**
 * Reads an expression:
 *
 *     or      = and { "or" and }
 *     and     = not { "and" not }
 *     not     = "not" not | "(" or ")" | test
 *     test    = [ "exists" ] PATH | PATH "=" VALUE | PATH "!=" VALUE
 *
 * Words may be quoted ({@link splitWords}); a quoted word is never a keyword. `PATH != VALUE` is
 * `not PATH = VALUE`: true also when there is no such node.
 *
 * @throws {WordError} when the text is none; the message says what was expected, and where.
 */
export function parseExpression(text: string): Expression {
  const parser = new Parser(splitWords(text, OPERATORS), text.length);
  const expression = parser.or(0);
  parser.end();
  return expression;
}

class Parser {
  #next = 0;

  constructor(private readonly words: readonly Word[], private readonly length: number) {}

  #peek(): Word | undefined {
    return this.words[this.#next];
  }

  /** Takes the next word if it is this keyword or operator. */
  #take(text: string): boolean {
    const word = this.#peek();
    if (word === undefined || word.quoted || word.text !== text) return false;
    this.#next++;
    return true;
  }

  #fail(expected: string): never {
    const word = this.#peek();
    if (word === undefined) throw new WordError(`${expected} is missing`, this.length);
    throw new WordError(`expected ${expected}, found '${word.text}'`, word.at);
  }

  /** A word that may be a path or a value. */
  #operand(expected: string, keywords: readonly string[]): string {
    const word = this.#peek();
    const taken = word !== undefined && !word.quoted &&
      [...OPERATORS, ...keywords].some((other) => other === word.text);
    if (word === undefined || taken) this.#fail(expected);
    this.#next++;
    return word.text;
  }

  or(nesting: number): Expression {
    let left = this.#and(nesting);
    while (this.#take("or")) left = { kind: "or", left, right: this.#and(nesting) };
    return left;
  }

  #and(nesting: number): Expression {
    let left = this.#not(nesting);
    while (this.#take("and")) left = { kind: "and", left, right: this.#not(nesting) };
    return left;
  }

  #not(nesting: number): Expression {
    if (nesting > NESTING_MAX) this.#fail(`at most ${NESTING_MAX} levels of nesting`);
    if (this.#take("not")) return { kind: "not", operand: this.#not(nesting + 1) };
    if (!this.#take("(")) return this.#test();
    const inner = this.or(nesting + 1);
    if (!this.#take(")")) this.#fail("')'");
    return inner;
  }

  #test(): Expression {
    const keywords = ["and", "or", "not", "exists"];
    if (this.#take("exists")) return { kind: "exists", path: this.#operand("a path", keywords) };
    const path = this.#operand("a path", keywords);
    const equals = this.#take("=");
    if (!equals && !this.#take("!=")) return { kind: "exists", path };
    const test: Expression = { kind: "equals", path, value: this.#operand("a value", []) };
    return equals ? test : { kind: "not", operand: test };
  }

  end(): void {
    if (this.#next < this.words.length) this.#fail("'and', 'or' or the end");
  }
}

/** The paths that an expression speaks of, each once. */
export function pathsOf(expression: Expression): Set<string> {
  switch (expression.kind) {
    case "exists":
    case "equals":
      return new Set([expression.path]);
    case "not":
      return pathsOf(expression.operand);
    default:
      return pathsOf(expression.left).union(pathsOf(expression.right));
  }
}

/** Whether an expression holds, given the values of its paths; a missing node has none. */
export function holds(expression: Expression, values: ReadonlyMap<string, string>): boolean {
  switch (expression.kind) {
    case "exists":
      return values.has(expression.path);
    case "equals":
      return values.get(expression.path) === expression.value;
    case "not":
      return !holds(expression.operand, values);
    case "and":
      return holds(expression.left, values) && holds(expression.right, values);
    case "or":
      return holds(expression.left, values) || holds(expression.right, values);
  }
}
