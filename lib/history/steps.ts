/** Work in steps, so that other work can come in between. */

/** Does all of it at once. */
export function finish<T>(steps: Iterator<unknown, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}
