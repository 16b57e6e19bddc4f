/** A dump is one moment, although the daemon serves writers while it makes it. */
import { assert, assertEquals } from "@std/assert";
import { readSource } from "../../lib/archive/source.ts";
import { NO_PROGRESS } from "../support/no_progress.ts";
import { Interrupt } from "../../lib/archive/interrupt.ts";
import { Client } from "../../lib/client/client.ts";
import { Operations } from "../../lib/client/operations.ts";
import { Session } from "../../lib/client/session.ts";
import { openStream } from "../../lib/client/stream.ts";
import { toText } from "../../lib/wire/text.ts";
import { startDaemon } from "../support/daemon.ts";
import { until } from "../support/patience.ts";

const WRITERS = 8;
/** Nodes that a writer sets one after the other, all to the same number, again and again. */
const ROW = 50;
/** So many others that a dump takes many slices. */
const BULK = 20_000;
const DUMPS = 5;

async function fillUp(socket: string): Promise<void> {
  await using client = await Client.connect({ socket });
  for (let from = 0; from < BULK; from += 500) {
    const writes = Array.from(
      { length: 500 },
      (_, i) =>
        client.write(`/bulk/${Math.floor(from / 1000)}/${from + i}`, "some value of usual length"),
    );
    await Promise.all(writes);
  }
}

/** Writes rows until `goesOn`, which is told how many there are, says no. */
async function keepWriting(
  socket: string,
  name: string,
  goesOn: (rows: number) => boolean,
): Promise<void> {
  await using client = await Client.connect({ socket });
  for (let round = 0; goesOn(round); round++) {
    const text = `${round}`;
    const row = Array.from({ length: ROW }, (_, i) => client.write(`/row/${name}/${i}`, text));
    const pair = client.transaction(async (transaction) => {
      await transaction.write(`/pair/${name}/a`, text);
      await transaction.write(`/pair/${name}/b`, text);
    });
    await Promise.all([...row, pair]);
  }
}

Deno.test("a dump while eight clients write is one moment of the store", async () => {
  await using daemon = await startDaemon();
  const socket = daemon.socketPath;
  await fillUp(socket);
  let over = false;
  const rows = new Array<number>(WRITERS).fill(0);
  const writers = rows.map((_, i) =>
    keepWriting(socket, `w${i}`, (count) => {
      rows[i] = count;
      return !over;
    })
  );
  // Else a writer's failure would end the process, and not the test.
  const written = Promise.all(writers);
  written.catch(() => over = true);
  const session = new Session(await openStream(socket), socket);
  const moving = new Set<string>();
  try {
    for (let count = 0; count < DUMPS; count++) {
      const before = [...rows];
      await until("a row of each writer", () => over || rows.every((row, i) => row > before[i]!));
      const { records } = await readSource({ kind: "live", point: null, text: "live" }, {
        interrupt: new Interrupt(),
        socketPath: socket,
        connect: () => Promise.resolve(new Operations(session)),
        progress: NO_PROGRESS,
        now: Date.now(),
        bootAt: 0,
        domid: null,
        stdin: () => Promise.resolve(new Uint8Array()),
      });
      const values = new Map<string, string>();
      for (const record of records) {
        if (record.kind === "node") {
          values.set(record.path, toText(record.value));
        }
      }
      assert(values.size > BULK);
      for (let i = 0; i < WRITERS; i++) {
        assertEquals(values.get(`/pair/w${i}/a`), values.get(`/pair/w${i}/b`));
        const row = Array.from({ length: ROW }, (_, at) => values.get(`/row/w${i}/${at}`));
        checkRow(row);
        moving.add(`${i} ${row[0]}`);
      }
    }
  } finally {
    over = true;
    session.close();
  }
  await written;
  assert(moving.size > WRITERS, "nothing moved between the dumps");
});

/** A row's nodes are written in order: those behind may be one round late, or not there yet. */
function checkRow(row: readonly (string | undefined)[]): void {
  const numbers = row.map((text) => text === undefined ? -1 : Number(text));
  const [first = -1] = numbers;
  numbers.forEach((number, i) => {
    const before = numbers[i - 1] ?? first;
    assert(number <= before && number >= first - 1, `no moment has had this row: ${numbers}`);
  });
}
