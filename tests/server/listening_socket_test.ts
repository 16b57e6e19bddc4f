/** Where the socket is, who may use it, and that no daemon takes another's. */
import { systemClock } from "../../lib/clock.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { EmbeddedServer } from "../../lib/testing/embedded.ts";
import {
  chooseSocketPath,
  type SocketChoice,
  type Surroundings,
} from "../../lib/server/process/choose_socket_path.ts";
import {
  createListeningSocket,
  SocketError,
} from "../../lib/server/process/create_listening_socket.ts";
import { closeFd } from "../../ffi/unix_socket.ts";
import { MessageType } from "../../lib/wire/message_type.ts";
import { makeScratch } from "../support/scratch.ts";
import { RawClient } from "../support/raw_client.ts";

function around(
  env: Record<string, string>,
  uid: number,
  usable: boolean,
): Surroundings {
  return { env: (name) => env[name], uid: () => uid, canUse: () => usable };
}

Deno.test("The socket is where it was asked for, else where libxenstore looks", () => {
  const both = { XENSTORED_PATH: "/p/socket", XENSTORED_RUNDIR: "/run/x" };
  const standard = "/var/run/xenstored/socket";
  type Named = SocketChoice["named"];
  const cases: [string | undefined, Surroundings, string, boolean, Named?][] = [
    ["/asked", around(both, 0, true), "/asked", false, "--socket"],
    [undefined, around(both, 0, true), "/p/socket", false, "XENSTORED_PATH"],
    [
      undefined,
      around({ XENSTORED_RUNDIR: "/run/x" }, 0, true),
      "/run/x/socket",
      false,
      "XENSTORED_RUNDIR",
    ],
    [undefined, around({}, 0, true), standard, false],
    [undefined, around({}, 0, false), standard, false],
    [undefined, around({}, 1000, true), standard, false],
    [undefined, around({}, 1000, false), "/tmp/xs-1000/xenstored/socket", true],
    [
      undefined,
      around({ XDG_RUNTIME_DIR: "/run/user/1000" }, 1000, false),
      "/run/user/1000/xenstored/socket",
      true,
    ],
  ];
  for (const [asked, surroundings, path, isFallback, named] of cases) {
    const choice = { path, isFallback, ...(named === undefined ? {} : { named }) };
    assertEquals(chooseSocketPath(asked, surroundings), choice);
  }
});

Deno.test("The socket and its directory have the rights of Xen's own", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/run/xenstored/socket`;
  const umask = Deno.umask(0);
  const socket = await createListeningSocket({ path, isFallback: false }, systemClock);
  assertEquals(Deno.umask(umask), 0);
  assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
  assertEquals(Deno.statSync(`${scratch.path}/run/xenstored`).mode! & 0o777, 0o755);
  socket.close();
  await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
});

Deno.test("A socket that nobody answers behind is replaced", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/socket`;
  const dead = await createListeningSocket({ path, isFallback: false }, systemClock);
  closeFd(dead.fd);
  assert(Deno.lstatSync(path).isSocket);
  await using server = await EmbeddedServer.start({ socket: path });
  await using client = await RawClient.connect(server.socketPath);
  assertEquals(await client.ask(MessageType.READ, "/tool\0"), "");
});

Deno.test("A daemon that ends late leaves the socket of its successor alone", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/socket`;
  const old = await createListeningSocket({ path, isFallback: false }, systemClock);
  Deno.removeSync(path);
  await using server = await EmbeddedServer.start({ socket: path });
  old.close();
  await using client = await RawClient.connect(server.socketPath);
  assertEquals(await client.ask(MessageType.READ, "/tool\0"), "");
});

Deno.test("A socket is left to its daemon, also one too busy to accept", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/socket`;
  const busy = await createListeningSocket({ path, isFallback: false }, systemClock);
  const waiting: Deno.UnixConn[] = [];
  await assertRejects(async () => {
    for (let i = 0; i < 1000; i++) waiting.push(await Deno.connect({ transport: "unix", path }));
  });
  const again = await assertRejects(() => EmbeddedServer.start({ socket: path }), SocketError);
  assertStringIncludes(again.message, "another daemon answers there");
  for (const connection of waiting) connection.close();
  busy.close();
});

Deno.test("A socket that a daemon answers behind is left to it", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/socket`;
  await using server = await EmbeddedServer.start({ socket: path });
  const again = await assertRejects(() => EmbeddedServer.start({ socket: path }), SocketError);
  assertStringIncludes(again.message, `'${path}': another daemon answers there`);
  assert(Deno.lstatSync(server.socketPath).isSocket);
});

Deno.test("Of daemons that start at once behind a dead socket exactly one gets it", async () => {
  await using scratch = await makeScratch();
  const path = `${scratch.path}/socket`;
  closeFd((await createListeningSocket({ path, isFallback: false }, systemClock)).fd);
  const starts = await Promise.allSettled(
    Array.from({ length: 5 }, () => EmbeddedServer.start({ socket: path })),
  );
  const started = starts.filter((start) => start.status === "fulfilled");
  assertEquals(started.length, 1);
  assert(Deno.lstatSync(path).isSocket);
  await started[0]!.value.stop();
});

Deno.test("What is not a socket, too long, or not ours is refused in clear words", async () => {
  await using scratch = await makeScratch();
  const file = `${scratch.path}/file`;
  Deno.writeTextFileSync(file, "precious");
  const cases: [string, string][] = [
    [file, "there is a file that is not a socket"],
    [`${file}/socket`, `Cannot make the socket's directory '${file}'`],
    [`${scratch.path}/${"x".repeat(100)}`, "at most 107 bytes"],
  ];
  for (const [path, text] of cases) {
    const error = await assertRejects(() => EmbeddedServer.start({ socket: path }), SocketError);
    assertStringIncludes(error.message, text);
  }
  assertEquals(Deno.readTextFileSync(file), "precious");
});

Deno.test("A stopped server removes its socket and hangs up its clients", async () => {
  const server = await EmbeddedServer.start();
  await using client = await RawClient.connect(server.socketPath);
  assertEquals(await client.ask(MessageType.READ, "/tool\0"), "");
  await server.stop();
  await server.stop();
  assertEquals(await client.next(), null);
  await assertRejects(() => Deno.lstat(server.socketPath), Deno.errors.NotFound);
});
