/** oxenstored keeps the specials as children of the root, and writes them so. */
const SPECIAL_CHILD = /^\/@(?:introduce|release)Domain$/;

/** The path of a node as oxenstored wrote it. */
export function fromOxenstored(path: string): string {
  return SPECIAL_CHILD.test(path) ? path.slice(1) : path;
}

/** The path as oxenstored would write it. */
export function toOxenstored(path: string): string {
  return path.startsWith("@") ? `/${path}` : path;
}
