/** How options and words are declared: in the form that the library for the command line takes. */

/** An option without a value. */
export interface SwitchFlag {
  readonly kind: "boolean";
  readonly optional: true;
  readonly withNegated: false;
  readonly brief: string;
}

/** An option with a value that may be missing. */
export interface ValueFlag<T> {
  readonly kind: "parsed";
  readonly optional: true;
  readonly placeholder: string;
  readonly brief: string;
  readonly parse: (input: string) => T;
}

/** An option whose value is one of some words. */
export interface ChoiceFlag<T extends string> {
  readonly kind: "enum";
  readonly values: readonly T[];
  readonly default: T;
  readonly brief: string;
}

/** The words of a command that are no options. */
export interface Words {
  readonly kind: "array";
  readonly minimum: number;
  readonly parameter: Pick<ValueFlag<string>, "brief" | "placeholder" | "parse">;
}

/** An option without a value; `brief` is what its help says. */
export function switchFlag(brief: string): SwitchFlag {
  return { kind: "boolean", optional: true, withNegated: false, brief };
}

/** An option with a value, which the help calls `placeholder`: text, unless `parse` reads it. */
export function valueFlag(placeholder: string, brief: string): ValueFlag<string>;
export function valueFlag<T>(
  placeholder: string,
  brief: string,
  parse: (input: string) => T,
): ValueFlag<T>;
export function valueFlag(
  placeholder: string,
  brief: string,
  parse: (input: string) => unknown = String,
): ValueFlag<unknown> {
  return { kind: "parsed", optional: true, placeholder, brief, parse };
}

/** An option whose value is one of `values`, and `usual` when it is missing. */
export function choiceFlag<const T extends string>(
  values: readonly T[],
  usual: NoInfer<T>,
  brief: string,
): ChoiceFlag<T> {
  return { kind: "enum", values, default: usual, brief };
}

/** A command's words, at least `minimum`, which the help calls `placeholder`. */
export function words(placeholder: string, brief: string, minimum: number): Words {
  return { kind: "array", parameter: { brief, placeholder, parse: String }, minimum };
}
