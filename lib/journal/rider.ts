/**
 * Bytes that ride with the turns: of a history, which has a file of its own. The journal commits them with the turn that
 * they belong to, in one step, and keeps them until it has called {@link settle}; after a death it hands those that it still
 * has to {@link recover}. It need not know what they are, and they are in no image.
 *
 * What a turn carries is lost as a whole or not at all: before the commit no one knows of the turn; between commit and `settle`
 * the journal has it; after `settle` the rider has it, or counts it as missing. What comes twice the rider tells apart.
 */
export interface Rider {
  /** At the start, in order: what a dead daemon's journal had not forgotten. Valid during the call. */
  recover(bytes: Uint8Array): void;
  /** What was there is read, and its file may be written; from now on turns come. */
  begin(from: RidingFrom): void;
  /**
   * What the turn carries that is to be committed now, valid until the next call; null for nothing. It may build on what earlier
   * turns carried since {@link settle}, so it is asked for again after that.
   */
  take(): Uint8Array<ArrayBuffer> | null;
  /** That turn is committed, with what it was to carry unless `isCarried` is false: only now anything else may know of it. */
  committed(isCarried: boolean): void;
  /** The journal is about to forget all that it has carried, up to turn `turn`. */
  settle(turn: number): void;
  /** When the present turn began, in microseconds since 1970, if it has taken down anything in it; else 0. */
  readonly at: number;
  /**
   * How far it has come: a count that only grows. The journal notes its lower 32 bits with each turn, also where there is no
   * space for what the turn carries.
   */
  readonly mark: number;
}

/** From where the turns of a store go on. */
export interface RidingFrom {
  /** The last turn. */
  readonly last: number;
  /** Turns up to this one were not read, as an image has them: what rode with them must have been settled. */
  readonly unread: number;
  /** Turns behind that which changed nodes and carried nothing. */
  readonly alone: readonly number[];
  /** Between this daemon and the last one, another program had the store. */
  readonly another: boolean;
  /** The lower 32 bits of the last {@link Rider.mark}; 0 where none was noted. */
  readonly mark: number;
}

/** From where a store goes on that has no turns. */
export const NO_TURNS: RidingFrom = { last: 0, unread: 0, alone: [], another: false, mark: 0 };

/** Hands a rider what had ridden with the turns of a dead daemon, and finds those that carried nothing. */
export class RiderReplay {
  /** Turns that changed nodes, as long as what rode with them has not been seen: it may come behind later ones. */
  readonly #open = new Set<number>();

  constructor(private readonly rider: Rider | null) {}

  turn(turn: number, isOfNodes: boolean): void {
    if (isOfNodes && this.rider !== null) this.#open.add(turn);
  }

  carried(turn: number, bytes: Uint8Array): void {
    this.#open.delete(turn);
    this.rider?.recover(bytes);
  }

  get alone(): readonly number[] {
    return [...this.#open];
  }
}
