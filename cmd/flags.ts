/** Declares options and words in the form of the command-line library. */

/** An option without a value. */
export interface SwitchFlag {
  readonly kind: "boolean";
  readonly optional: true;
  readonly withNegated: false;
  readonly brief: string;
}

/** An option with a value. The option may be missing. */
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

/** The words of a command besides its options. */
export interface Words {
  readonly kind: "array";
  readonly minimum: number;
  readonly parameter: Pick<ValueFlag<string>, "brief" | "placeholder" | "parse">;
}

/** An option without a value; `brief` is its line in the help. */
export function switchFlag(brief: string): SwitchFlag {
  return { kind: "boolean", optional: true, withNegated: false, brief };
}

/** An option with a value: text, unless `parse` reads it. The help shows the value as `placeholder`. */
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

/** An option whose value is one of `values`; `usual` is the default. */
export function choiceFlag<const T extends string>(
  values: readonly T[],
  usual: NoInfer<T>,
  brief: string,
): ChoiceFlag<T> {
  return { kind: "enum", values, default: usual, brief };
}

/** A command's words, at least `minimum`. The help shows each as `placeholder`. */
export function words(placeholder: string, brief: string, minimum: number): Words {
  return { kind: "array", parameter: { brief, placeholder, parse: String }, minimum };
}
