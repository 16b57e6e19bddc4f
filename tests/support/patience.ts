/**
 * How long tests wait for what must come, in ms: far longer than it takes on a slow machine with
 * other work, so that only what never comes fails. It costs nothing where it does come.
 */
export const PATIENCE_MS = 120_000;

/** Between two looks at whether it has come, in ms. */
const LOOK_MS = 2;

export const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/**
 * Waits until `look` gives something else than null, undefined or false, and returns that.
 *
 * @throws {Error} that names `what` when it takes too long.
 */
export async function until<T>(
  what: string,
  look: () => T | null | undefined | false | Promise<T | null | undefined | false>,
): Promise<T> {
  const end = deadline(what);
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false) return found;
    end.check();
    await pause(LOOK_MS);
  }
}

/** For loops that do something themselves until something comes: `check` throws when it is late. */
export function deadline(what: string): { check(): void } {
  const end = Date.now() + PATIENCE_MS;
  return {
    check: (): void => {
      if (Date.now() > end) throw new Error(`${what}: not in ${PATIENCE_MS / 1000} s`);
    },
  };
}

/** What `promise` gives; fails if that takes too long. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} in ${PATIENCE_MS} ms`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
