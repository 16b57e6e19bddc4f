/** SIGTERM and SIGINT end the daemon, SIGHUP reopens its files; until {@link Signals.close}. */
export class Signals {
  readonly #reopen: () => void;
  readonly #stop = (): void => {
    if (this.#onStop === null) this.#stopAsked = true;
    else this.#onStop();
  };
  #onStop: (() => void) | null = null;
  #stopAsked = false;

  constructor(reopen: () => void) {
    this.#reopen = reopen;
    Deno.addSignalListener("SIGTERM", this.#stop);
    Deno.addSignalListener("SIGINT", this.#stop);
    Deno.addSignalListener("SIGHUP", reopen);
  }

  /** What ends the daemon; called at once if that was asked for already. */
  set onStop(stop: () => void) {
    this.#onStop = stop;
    if (this.#stopAsked) stop();
  }

  close(): void {
    Deno.removeSignalListener("SIGTERM", this.#stop);
    Deno.removeSignalListener("SIGINT", this.#stop);
    Deno.removeSignalListener("SIGHUP", this.#reopen);
  }
}
