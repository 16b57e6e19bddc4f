/** The stores of the golden tests, made by requests. */
import { toText } from "../../lib/wire/text.ts";
import type { Client, World } from "./world.ts";

/** A socket's key, above all domids. */
const HELD_KEY = 0x1_0007;
/** A value with every byte in it. */
const ALL_BYTES = toText(Uint8Array.from({ length: 256 }, (_, byte) => byte));

function introduce(world: World, client: Client, domid: number): Client {
  world.domains.create(domid, BigInt(domid) << 40n | 0xabcn);
  const home = `/local/domain/${domid}`;
  client.ask("MKDIR", `${home}\0`);
  client.ask("SET_PERMS", `${home}\0n${domid}\0`);
  client.ask("INTRODUCE", `${domid}\0${1000 + domid}\0${domid + 20}\0`);
  return world.guest(domid);
}

function nodes(client: Client): void {
  client.ask("WRITE", `/values/all\0${ALL_BYTES}`);
  client.ask("WRITE", "/values/empty\0");
  client.ask("WRITE", `/values/sixteen\0${"s".repeat(16)}`);
  client.ask("WRITE", `/values/seventeen\0${"s".repeat(17)}`);
  client.ask("WRITE", `/values/long\0${"0123456789".repeat(60)}`);
  client.ask("WRITE", "/values/nul\0a\0b\0");
  client.ask("WRITE", `/names/${"n".repeat(200)}/-_@9\0x`);
  client.ask("WRITE", `/deep${"/d".repeat(20)}\0bottom`);
  for (const name of ["zeta", "alpha", "zeta2", "mid"]) client.ask("MKDIR", `/order/${name}\0`);
  client.ask("RM", "/order/alpha\0");
  client.ask("MKDIR", "/order/alpha\0");
  client.ask("RM", "/order/mid\0");
}

function permissions(client: Client): void {
  client.ask("WRITE", "/perms/all\0v");
  client.ask("SET_PERMS", "/perms/all\0n1\0r2\0w3\0b0\0");
  client.ask("WRITE", "/perms/stale\0v");
  // No domain holds these: such an entry is stale as soon as it is written.
  client.ask("SET_PERMS", "/perms/stale\0b2\0r77\0w1\0b78\0");
  client.ask("SET_PERMS", "@releaseDomain\0n0\0r2\0");
  client.ask("SET_PERMS", "@introduceDomain\0n0\0b1\0r77\0");
}

function settings(world: World, client: Client): void {
  client.control("quota", "set", "nodes", "1234");
  client.control("quota-soft", "set", "memory", "123456");
  client.control("log", "+io");
  client.ask("SET_QUOTA", "2\0watches\x0050\0");
  client.ask("SET_QUOTA", "2\0transactions\x000\0");
  // Known, and not introduced.
  world.domains.create(9, 0xffff_ffff_ffff_fff0n);
  client.ask("SET_FEATURE", "9\x004\0");
}

function watches(client: Client, one: Client, two: Client): void {
  client.ask("WATCH", "/values\0token of a socket\0");
  client.ask("WATCH", "/values\0deep\x002\0");
  client.ask("WATCH", "@releaseDomain\0\xff\xfe\0");
  one.ask("WATCH", "data\0relative\0");
  one.ask("WATCH", "/local/domain/1/data\0absolute\0");
  one.ask("WATCH", "data\0shallow\x000\0");
  one.ask("WATCH", "gone\0gone\0");
  one.ask("UNWATCH", "gone\0gone\0");
  two.ask("WATCH", "@introduceDomain\0\0");
  two.ask("WATCH", "/\0\xe9 all\x003\0");
}

/** Transactions that have read, written, removed and found nothing, and one that has done nothing. */
function transactions(client: Client, held: Client, one: Client): void {
  const first = Number(client.ask("TRANSACTION_START", "\0"));
  client.ask("READ", "/values/sixteen\0", first);
  client.ask("WRITE", "/values/empty\0within", first);
  client.ask("WRITE", "/fresh/below\0new", first);
  client.ask("RM", "/values/nul\0", first);
  client.ask("DIRECTORY", "/order\0", first);
  client.ask("GET_PERMS", "/perms/all\0", first);
  client.ask("SET_PERMS", "/perms/all\0n0\0", first);
  const ended = one.ask("TRANSACTION_START", "\0");
  one.ask("TRANSACTION_END", "T\0", Number(ended));
  const second = Number(one.ask("TRANSACTION_START", "\0"));
  one.ask("READ", "data/value\0", second);
  one.ask("TRANSACTION_START", "\0");
  held.ask("TRANSACTION_START", "\0");
}

/** Half a request of one guest, and answers that the other has not taken. */
function inFlight(client: Client, one: Client, two: Client): void {
  client.ask("WRITE", `/local/domain/2/long\0${"abcdefghij".repeat(60)}`);
  client.ask("SET_PERMS", "/local/domain/2/long\0n2\0");
  for (let i = 0; i < 2; i++) two.send("READ", "long\0");
  one.send("WRITE", "data/half\0only a part of it", 0, 29);
}

/** A store with all that there is, and one thing at least of each kind. */
export function furnish(world: World): void {
  const client = world.connect("socket 1");
  const held = world.connect("socket 2", HELD_KEY);
  const one = introduce(world, client, 1);
  const two = introduce(world, client, 2);
  const three = introduce(world, client, 3);
  nodes(client);
  one.ask("WRITE", "data/value\0of domain 1");
  two.ask("MKDIR", "data/dir\0");
  permissions(client);
  settings(world, client);
  client.ask("SET_TARGET", "3\x001\0");
  three.ask("WRITE", "data/x\0y");
  watches(client, one, two);
  held.ask("WATCH", "/held\0held\0");
  world.domains.shutDown(3);
  world.settle();
  // One that came, left nodes and entries behind, and died.
  const four = introduce(world, client, 4);
  four.ask("WRITE", "data/gone\0soon");
  client.ask("WRITE", "/perms/named\0v");
  client.ask("SET_PERMS", "/perms/named\0n0\0r4\0w1\0");
  world.domains.remove(4);
  world.settle();
  transactions(client, held, one);
  inFlight(client, one, two);
}

/** So many nodes that an image has several pieces. */
export function furnishWide(world: World): void {
  const client = world.connect("socket 1");
  introduce(world, client, 1);
  for (let i = 0; i < 1_500; i++) {
    const path = `/wide/${i % 7}/${"level/".repeat(i % 4)}node-${i}`;
    client.ask("WRITE", `${path}\0${"v".repeat(i % 40)}`);
    if (i % 5 === 0) client.ask("SET_PERMS", `${path}\0n1\0r0\0`);
    if (i % 11 === 0) client.ask("RM", `${path}\0`);
  }
}
