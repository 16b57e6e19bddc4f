/** Where a domain's relative paths begin (xenstore.txt, GET_DOMAIN_PATH). */
export function homePath(domid: number): string {
  return `/local/domain/${domid}`;
}

/** A path as a client of a domain means it; the clients of a socket are of domain 0. */
export function absolutePath(path: string, domid = 0): string {
  return /^[/@]/.test(path) ? path : `${homePath(domid)}/${path}`;
}
