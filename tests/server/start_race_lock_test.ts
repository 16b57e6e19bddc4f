/** Who may start where: daemons exclude each other, and nobody else keeps one from starting. */
import { systemClock } from "../../lib/clock.ts";
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { EAGAIN } from "../../ffi/libc.ts";
import { closeFd, listenUnix, lockDirectory, lockPlainFile } from "../../ffi/unix_socket.ts";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import {
  createListeningSocket,
  SocketError,
} from "../../lib/server/process/create_listening_socket.ts";
import { lockName, StartRaceLock } from "../../lib/server/process/start_race_lock.ts";
import { makeScratch } from "../support/scratch.ts";

/** Lets whoever starts try for its locks a few times. */
async function aFewTries(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setTimeout(resolve, 25));
}

Deno.test("start race lock: nobody else can open its file, whatever the umask", async () => {
  await using scratch = await makeScratch();
  for (const umask of [0, 0o777]) {
    const before = Deno.umask(umask);
    const starting = StartRaceLock.take(scratch.path, `socket${umask}`, systemClock);
    const lock = await starting.finally(() => Deno.umask(before));
    const path = `${scratch.path}/${lockName(`socket${umask}`)}`;
    assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
    assertEquals(lockPlainFile(path), -EAGAIN);
    lock.release();
    assertThrows(() => Deno.lstatSync(path), Deno.errors.NotFound);
  }
});

Deno.test("start race lock: one that others could open is closed to them", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/${lockName("socket")}`;
  Deno.writeTextFileSync(path, "");
  Deno.chmodSync(path, 0o666);
  const lock = await StartRaceLock.take(scratch.path, "socket", systemClock);
  assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
  lock.release();
});

Deno.test("start race lock: of many that take it, each has it alone", async () => {
  await using scratch = await makeScratch();
  let holders = 0, most = 0, taken = 0;
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (let i = 0; i < 4; i++) {
      const lock = await StartRaceLock.take(scratch.path, "socket", systemClock).catch(() => null);
      if (lock === null) continue;
      most = Math.max(most, ++holders);
      taken++;
      await new Promise((resolve) => setTimeout(resolve, 0));
      holders--;
      lock.release();
    }
  }));
  assertEquals(most, 1);
  assert(taken >= 8, `${taken} times`);
});

Deno.test("start race lock: a symbolic link in its place is refused, and nothing made behind it", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/${lockName("socket")}`;
  Deno.symlinkSync(`${scratch.path}/elsewhere`, path);
  const error = await assertRejects(
    () => createListeningSocket({ path: `${scratch.path}/socket`, isFallback: false }, systemClock),
    SocketError,
  );
  assertStringIncludes(error.message, `'${path}' is not a file of this user; remove it`);
  assertEquals([...Deno.readDirSync(scratch.path)].map(({ name }) => name), [lockName("socket")]);
});

Deno.test("start race lock: a lock on the directory that stays does not keep a daemon from starting", async () => {
  await using scratch = await makeScratch();
  const foreign = lockDirectory(scratch.path);
  const socket = await createListeningSocket(
    { path: `${scratch.path}/socket`, isFallback: false },
    systemClock,
  );
  // And does not keep its end from being clean: the next one clears the socket away.
  socket.close();
  const next = await createListeningSocket(
    { path: `${scratch.path}/socket`, isFallback: false },
    systemClock,
  );
  closeFd(foreign);
  next.close();
  await assertRejects(() => Deno.lstat(next.path), Deno.errors.NotFound);
});

Deno.test("start race lock: a daemon from before it that starts is waited for", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/socket`;
  // What such a daemon does: lock the directory, look at the socket, listen, unlock.
  const old = lockDirectory(scratch.path);
  const starting = EmbeddedServer.start({ socket: path });
  starting.catch(() => {});
  await aFewTries();
  await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
  const fd = listenUnix(path, 1);
  closeFd(old);
  const error = await assertRejects(() => starting, SocketError);
  assertStringIncludes(error.message, "another daemon answers there");
  closeFd(fd);
});

Deno.test("start race lock: a daemon from before it that starts waits for us", async () => {
  await using scratch = await makeScratch();
  const lock = await StartRaceLock.take(scratch.path, "socket", systemClock);
  assertEquals(lockDirectory(scratch.path), -EAGAIN);
  lock.release();
  closeFd(lockDirectory(scratch.path));
});

Deno.test("start race lock: a daemon that ends leaves the socket to one that starts", async () => {
  for (const old of [true, false]) {
    await using scratch = await makeScratch();
    const path = `${scratch.path}/socket`;
    const ending = await createListeningSocket({ path, isFallback: false }, systemClock);
    const starting = old
      ? lockDirectory(scratch.path)
      : await StartRaceLock.take(scratch.path, "socket", systemClock);
    ending.close();
    assert(Deno.lstatSync(path).isSocket);
    if (typeof starting === "number") closeFd(starting);
    else starting.release();
  }
});

Deno.test("start race lock: while another daemon starts, a second one gives up in words", async () => {
  await using scratch = await makeScratch();
  const first = await StartRaceLock.take(scratch.path, "socket", systemClock);
  const error = await assertRejects(
    () => createListeningSocket({ path: `${scratch.path}/socket`, isFallback: false }, systemClock),
    SocketError,
  );
  assertStringIncludes(error.message, "another daemon is starting there");
  first.release();
});
