/** SIGTERM and SIGINT end the daemon, SIGHUP reopens its files; until {@link Signals.close}. */
export class Signals {
  readonly #reopen: () => void;
  readonly #terminate = (): void => this.#stop("SIGTERM");
  readonly #interrupt = (): void => this.#stop("SIGINT");
  #onStop: ((signal: string) => void) | null = null;
  /** The signal that asked for the end, once one has. */
  #stopAsked: string | null = null;

  constructor(reopen: () => void) {
    this.#reopen = reopen;
    Deno.addSignalListener("SIGTERM", this.#terminate);
    Deno.addSignalListener("SIGINT", this.#interrupt);
    Deno.addSignalListener("SIGHUP", reopen);
  }

  #stop(signal: string): void {
    this.#stopAsked ??= signal;
    this.#onStop?.(this.#stopAsked);
  }

  /** What ends the daemon, and is given the signal; called at once if that was asked for already. */
  set onStop(stop: (signal: string) => void) {
    this.#onStop = stop;
    if (this.#stopAsked !== null) stop(this.#stopAsked);
  }

  close(): void {
    Deno.removeSignalListener("SIGTERM", this.#terminate);
    Deno.removeSignalListener("SIGINT", this.#interrupt);
    Deno.removeSignalListener("SIGHUP", this.#reopen);
  }
}
