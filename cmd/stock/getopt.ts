/**
 * Options as the C library's `getopt_long` takes them: operands and options in any order, short
 * ones in clusters, long ones abbreviated; its complaints, word for word.
 */

export interface LongOption {
  readonly name: string;
  /** The short option it stands for. */
  readonly short: string;
  readonly takesValue?: boolean;
}

/** One option found, or (letter `?`) a complaint about one. */
export interface FoundOption {
  readonly letter: string;
  readonly value?: string;
  readonly complaint?: string;
}

export class Getopt {
  readonly #args: readonly string[];
  readonly #shorts: string;
  readonly #longs: readonly LongOption[];
  readonly #posix: boolean;
  #at = 0;
  /** What was no option, in order; complete once {@link options} has ended. */
  readonly operands: string[] = [];

  /**
   * @param shorts the letters of the short options, a colon behind each that takes a value.
   * @param posix whether the first operand ends the options (POSIXLY_CORRECT).
   */
  constructor(
    args: readonly string[],
    shorts: string,
    longs: readonly LongOption[],
    posix: boolean,
  ) {
    this.#args = args;
    this.#shorts = shorts;
    this.#longs = longs;
    this.#posix = posix;
  }

  /** The options, in order. */
  *options(): Generator<FoundOption> {
    while (this.#at < this.#args.length) {
      const word = this.#args[this.#at++]!;
      if (word === "--") {
        this.operands.push(...this.#args.slice(this.#at));
        return;
      } else if (word.startsWith("--")) {
        yield this.#long(word.slice(2));
      } else if (word.startsWith("-") && word !== "-") {
        yield* this.#cluster(word.slice(1));
      } else if (this.#posix) {
        this.operands.push(word, ...this.#args.slice(this.#at));
        return;
      } else {
        this.operands.push(word);
      }
    }
  }

  *#cluster(letters: string): Generator<FoundOption> {
    for (let i = 0; i < letters.length; i++) {
      const letter = letters[i]!;
      const index = letter === ":" || letter === ";" ? -1 : this.#shorts.indexOf(letter);
      if (index < 0) {
        yield { letter: "?", complaint: `invalid option -- '${letter}'` };
      } else if (this.#shorts[index + 1] !== ":") {
        yield { letter };
      } else {
        const value = i + 1 < letters.length ? letters.slice(i + 1) : this.#args[this.#at++];
        yield value === undefined
          ? { letter: "?", complaint: `option requires an argument -- '${letter}'` }
          : { letter, value };
        return;
      }
    }
  }

  #long(text: string): FoundOption {
    const equals = text.indexOf("=");
    const name = equals < 0 ? text : text.slice(0, equals);
    const matches = this.#longs.filter((option) => option.name.startsWith(name));
    const found = matches.find((option) => option.name === name) ?? matches[0];
    if (found === undefined) {
      return { letter: "?", complaint: `unrecognized option '--${text}'` };
    }
    if (found.name !== name && matches.length > 1) {
      const names = matches.map((option) => ` '--${option.name}'`).join("");
      return { letter: "?", complaint: `option '--${text}' is ambiguous; possibilities:${names}` };
    }
    const given = equals < 0 ? undefined : text.slice(equals + 1);
    if (found.takesValue !== true) {
      if (given === undefined) return { letter: found.short };
      return { letter: "?", complaint: `option '--${found.name}' doesn't allow an argument` };
    }
    const value = given ?? this.#args[this.#at++];
    return value === undefined
      ? { letter: "?", complaint: `option '--${found.name}' requires an argument` }
      : { letter: found.short, value };
  }
}
