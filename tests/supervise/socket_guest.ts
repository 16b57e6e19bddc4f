import { RingGuest } from "../support/ring_guest.ts";
import type { Random } from "../support/random.ts";
import { SocketEnd } from "../support/socket_end.ts";

/** A node that all clients watch. */
export const SHARED = "/shared";

/** A client that knows what its socket must say. */
export class SocketGuest {
  readonly guest: RingGuest;
  readonly top: string;
  readonly end: SocketEnd;
  /** It was hung up before it had heard anything. */
  refused = false;
  #heard = false;

  constructor(number: number, path: string, random: Random) {
    this.end = new SocketEnd(path);
    this.top = `/clients/${number}`;
    const stream = {
      read: (into: Uint8Array<ArrayBuffer>, at: number, end: number): number => {
        const count = this.end.read(into, at, end);
        this.#heard ||= count > 0;
        if (count >= 0 || this.#heard) return count;
        this.refused = true;
        return 0;
      },
      // What is written to who has hung up is lost: reading tells.
      write: (from: Uint8Array<ArrayBuffer>, at: number, end: number): number =>
        Math.max(0, this.end.write(from, at, end)),
    };
    this.guest = new RingGuest(number, stream, random, `${this.top}/`);
    this.guest.watch(SHARED, "shared");
    this.guest.watch(this.top, "own");
  }
}
