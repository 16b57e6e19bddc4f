import type { Attacker } from "./attacker.ts";

/** Attackers that work at the same time and meet where their programs say so. */
export class Crew {
  readonly #attackers: readonly Attacker[];

  constructor(attackers: readonly Attacker[]) {
    this.#attackers = attackers;
  }

  /** Lets each do what it can without waiting; returns whether anything moved. */
  step(): boolean {
    let moved = false;
    let isMeeting = false;
    let isWaitedFor = false;
    for (const attacker of this.#attackers) {
      if (attacker.isDone && !attacker.reading) continue;
      if (attacker.step()) moved = true;
      if (attacker.isAtMeeting) isMeeting = true;
      else if (!attacker.isDone) isWaitedFor = true;
    }
    if (isMeeting && !isWaitedFor) {
      for (const attacker of this.#attackers) if (attacker.isAtMeeting) attacker.meet();
    }
    return moved;
  }

  /** Ends all that have connections of their own, and has the others do nothing more. */
  leave(): void {
    for (const attacker of this.#attackers) if (!attacker.ended) attacker.disconnect();
  }

  get replies(): number {
    return this.#attackers.reduce((sum, { replies }) => sum + replies, 0);
  }

  /** Attackers that the daemon has disconnected or ignores. */
  get disconnected(): number {
    return this.#attackers.filter(({ wasDisconnected }) => wasDisconnected).length;
  }

  /** Error replies of all, by their word. */
  get errors(): ReadonlyMap<string, number> {
    const sums = new Map<string, number>();
    for (const { errors } of this.#attackers) {
      for (const [word, count] of errors) sums.set(word, (sums.get(word) ?? 0) + count);
    }
    return sums;
  }
}
