/** Random requests, one after the other. */
import { toText } from "../../lib/wire/text.ts";
import type { Random } from "../support/random.ts";
import type { ClientProcess } from "./client_process.ts";
import { type Asked, MARKS } from "./recorded_requests.ts";
import type { Change } from "./store_model.ts";

const SHARED = ["/s/a", "/s/b", "/s/b/c", "/s/d"];

/** What asks for one thing after the other. */
export class Lane {
  #count = 0;
  /** Nodes that it has made, and nobody else touches. */
  #own: string[] = [];
  /** The same of this burst. */
  #fresh: string[] = [];

  constructor(
    readonly name: string,
    readonly process: ClientProcess,
    readonly random: Random,
    /** All that touches a path once more is a transaction, which leaves a mark, so that folding hides none; and values are long. */
    readonly floods: boolean,
  ) {}

  /** A change, whatever is there. */
  first(): Asked {
    return this.#make("write");
  }

  next(): Asked {
    const kind = this.random.weighted(
      [[4, "transaction"], [2, "write"], [1, "mkdir"], [2, "again"]] as const,
    );
    switch (kind) {
      case "transaction":
        return this.#transaction();
      case "write":
      case "mkdir":
        return this.#make(kind);
      case "again":
        return this.floods ? this.#transaction() : this.#again();
    }
  }

  #asked(id: string, changes: readonly Change[], reads: string | null = null): Asked {
    return { id, pid: this.process.pid, changes, reads, sent: 0, ended: Infinity, answer: null };
  }

  #transaction(): Asked {
    const { floods, name, random } = this, id = `${name}-${++this.#count}`;
    const changes: Change[] = [];
    if (random.chance(0.1)) changes.push({ do: "rm", path: `${MARKS}/${name}` });
    for (let i = random.below(3); i > 0; i--) changes.push(this.#shared(id));
    if (!floods && random.chance(0.05)) changes.push(...this.#large());
    if (floods) {
      const value = toText(random.bytes(900));
      changes.push({ do: "write", path: `/noise/${random.below(20)}`, value });
      while (this.#own.length > 5) changes.push({ do: "rm", path: this.#own.shift()! });
    }
    changes.push({ do: "write", path: `${MARKS}/${name}/${this.#count}`, value: `${id}:` });
    return this.#asked(id, changes, random.pick(SHARED));
  }

  /** So much that it is several records of the history. */
  #large(): Change[] {
    const value = "v".repeat(3_000);
    return Array.from(
      { length: 20 + this.random.below(60) },
      (_, i) => ({ do: "write", path: `/large/${i}`, value }),
    );
  }

  #shared(id: string): Change {
    const { random } = this, path = random.pick(SHARED);
    switch (random.below(6)) {
      case 0:
        return { do: "rm", path };
      case 1:
        return { do: "set-perms", path, perms: [random.pick(["n0", "r0", "b0"]), "r0"] };
      case 2:
        return { do: "mkdir", path };
      default:
        return { do: "write", path, value: `${id}:${random.below(100)}` };
    }
  }

  #make(kind: "write" | "mkdir"): Asked {
    const number = ++this.#count,
      path = `/own/${this.name}/${number}`,
      id = `${this.name}-${number}`;
    // One that is removed as soon as it is made would be folded into its removal.
    (this.floods ? this.#fresh : this.#own).push(path);
    if (kind === "mkdir") return this.#asked(`mkdir ${path}`, [{ do: "mkdir", path }]);
    return this.#asked(id, [{ do: "write", path, value: `${id}:` }]);
  }

  /** Something that another may touch, too; or what this lane has made. */
  #again(): Asked {
    const { random } = this, id = `${this.name}-${++this.#count}`;
    const path = random.chance(0.6) ? this.#own.shift() : undefined;
    if (path === undefined) {
      return this.#asked(id, [{ do: "write", path: random.pick(SHARED), value: `${id}:` }]);
    }
    if (random.chance(0.5)) return this.#asked(`rm ${path}`, [{ do: "rm", path }]);
    return this.#asked(`set-perms ${path}`, [{ do: "set-perms", path, perms: ["r0", "b0"] }]);
  }

  /** A burst is over. */
  settle(): void {
    this.#own.push(...this.#fresh);
    this.#fresh = [];
  }

  /** What it has made is not known any more. */
  forget(): void {
    this.#own = [];
    this.#fresh = [];
  }
}
