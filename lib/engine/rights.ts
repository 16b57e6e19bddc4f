import {
  DOMID_ANY,
  isStale,
  OWNER,
  permDomid,
  permMask,
  type Perms,
  READ,
  WRITE,
} from "../store/perms.ts";
import type { Connection } from "./connection.ts";
import type { Domains } from "./domains.ts";

/** Whether clients that speak for a domain have all rights and no quota: the control domain and, with it, the sockets. */
export function isPrivileged(domid: number, privDomid: number): boolean {
  return domid === privDomid;
}

/**
 * What a connection may do with a node of these permissions: a sum of READ, WRITE and OWNER.
 * The first rule that fits decides (xenstore.txt, "Permissions"; C's order): privilege, owner,
 * the first fresh entry naming the caller, its target or everybody, else the owner's letter.
 */
export function rightsOf(connection: Connection, domains: Domains, perms: Perms): number {
  if (connection.privileged) return READ | WRITE | OWNER;
  const self = connection.domid;
  const target = domains.get(self)?.target ?? self;
  const owner = permDomid(perms[0]!);
  if (owner === self || owner === target || owner === DOMID_ANY) return READ | WRITE | OWNER;
  for (let i = 1; i < perms.length; i++) {
    const entry = perms[i]!;
    const domid = permDomid(entry);
    if (domid !== self && domid !== target && domid !== DOMID_ANY) continue;
    if (!isStale(entry)) return permMask(entry);
  }
  return permMask(perms[0]!);
}
