/**
 * A request's path is resolved once: of a path that was named before no character is read, since its bytes are known, and no name of
 * it, nor of its parents, is looked for or hashed again.
 */
import { assert, assertEquals } from "@std/assert";
import { Dirty } from "../../lib/engine/dirty.ts";
import { MessageType as T } from "../../lib/wire/message_type.ts";
import { Client, newEngine } from "../support/engine_client.ts";

const HOME = "/local/domain/1/device-with-a-long-name/vif/0/queue-1";
const OTHER = "/local/domain/1/another-device-of-a-long-name/vbd/51712";
/** Characters at single positions, such as whether a path is a special's: a few for each request. */
const LOOKS = 20;

/** How often `work` reads characters of one of `paths` or of a path above it. */
function countReads(paths: readonly string[], work: () => void): number {
  const { charCodeAt } = String.prototype;
  let count = 0;
  String.prototype.charCodeAt = function (this: string, at: number): number {
    const text = `${this}`;
    if (text.length > 1 && paths.some((path) => path.startsWith(text))) count++;
    return charCodeAt.call(this, at);
  };
  try {
    work();
  } finally {
    String.prototype.charCodeAt = charCodeAt;
  }
  return count;
}

/** Engines with and without a journal, and with a guest that watches. */
function rigs(): Client[][] {
  return [undefined, new Dirty()].flatMap((dirty) =>
    [0, 1].map((domid) => {
      const engine = newEngine(dirty);
      const clients = [new Client(engine, domid), new Client(engine, domid)];
      const setUp = new Client(engine, 0);
      for (const path of [HOME, OTHER]) {
        setUp.ask(T.WRITE, `${path}\0value`);
        setUp.ask(T.SET_PERMS, `${path}\0b1\0`);
      }
      new Client(engine, 2).ask(T.WATCH, `/local\0token\0`);
      return clients;
    })
  );
}

type Request = readonly [type: number, rest: string];

const REQUESTS: readonly (readonly Request[])[] = [
  [[T.READ, ""]],
  [[T.DIRECTORY, ""]],
  [[T.GET_PERMS, ""]],
  [[T.WRITE, "another value"]],
  [[T.SET_PERMS, "b1\0"]],
  [[T.RM, ""], [T.MKDIR, ""]],
  [[T.RM, ""], [T.WRITE, "value"]],
];

Deno.test("paths: of one that is known no request reads the characters", () => {
  for (const [i, [client]] of rigs().entries()) {
    const path = `${HOME}/state-${i}`;
    const ask = ([type, rest]: Request): void => {
      assertEquals(client!.ask(type, `${path}\0${rest}`).startsWith("ERROR"), false);
    };
    const first = countReads([path], () => ask([T.WRITE, ""]));
    assert(first >= path.length, `${first} reads: nothing was counted`);
    for (const requests of REQUESTS) {
      // From the second time on the names are known.
      for (let i = 0; i < 3; i++) requests.forEach(ask);
      for (const request of requests) {
        client!.ask(T.READ, `${OTHER}\0`);
        const reads = countReads([path], () => ask(request));
        assert(reads <= LOOKS, `${request}: ${reads} reads of ${path.length}`);
      }
    }
  }
});

function end(client: Client, id: number): void {
  client.ask(T.TRANSACTION_END, "T\0", id);
}

Deno.test("paths: a commit reads none of those that its requests have named", () => {
  const paths = [`${HOME}/state`, `${HOME}/other`, `${OTHER}/state`];
  const doings: readonly (readonly Request[])[] = [
    [[T.WRITE, "1"]],
    [[T.READ, ""], [T.WRITE, "1"]],
    [[T.RM, ""], [T.MKDIR, ""]],
    [[T.RM, ""], [T.WRITE, "2"]],
  ];
  for (const clients of rigs()) {
    for (const path of paths) clients[0]!.ask(T.WRITE, `${path}\0`);
    for (const requests of doings) {
      const ids = clients.map((client) => {
        client.ask(T.TRANSACTION_START, "\0");
        return parseInt(client.text);
      });
      for (const path of paths) {
        for (const [type, rest] of requests) {
          clients.forEach((client, i) => {
            const reply = client.ask(type, `${path}\0${rest}`, ids[i]!);
            assert(!reply.startsWith("ERROR"), reply);
          });
        }
      }
      // The last path is another one, as with many clients it mostly is.
      clients[0]!.ask(T.READ, `${OTHER}\0`);
      const reads = countReads(paths, () => end(clients[0]!, ids[0]!));
      assertEquals(clients[0]!.reply, "TRANSACTION_END OK\0");
      assert(reads <= paths.length * LOOKS, `${requests}: ${reads} reads`);
      clients[1]!.ask(T.TRANSACTION_END, "F\0", ids[1]!);
    }
  }
});
