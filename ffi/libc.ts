/**
 * The C library, as far as sockets need it. Lengths are declared `i32`: cheaper to pass than
 * `usize`, and no buffer here is near 2 GiB.
 */
const symbols = {
  // int epoll_create1(int flags)
  epoll_create1: { parameters: ["i32"], result: "i32" },
  // int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  // int epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout)
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  // The same on a helper thread: to wait without holding JavaScript up. Its errno is lost.
  epoll_wait_parked: {
    name: "epoll_wait",
    parameters: ["i32", "buffer", "i32", "i32"],
    result: "i32",
    nonblocking: true,
  },
  // int eventfd(unsigned int initval, int flags)
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  // ssize_t read(int fd, void *buf, size_t count)
  read: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  // ssize_t write(int fd, const void *buf, size_t count)
  write: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  // int malloc_trim(size_t pad)
  malloc_trim: { parameters: ["usize"], result: "i32" },
  // int socket(int domain, int type, int protocol)
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // int bind(int sockfd, const struct sockaddr *addr, socklen_t addrlen)
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  // int connect(int sockfd, const struct sockaddr *addr, socklen_t addrlen)
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  // int listen(int sockfd, int backlog)
  listen: { parameters: ["i32", "i32"], result: "i32" },
  // int accept4(int sockfd, struct sockaddr *addr, socklen_t *addrlen, int flags)
  accept4: { parameters: ["i32", "pointer", "pointer", "i32"], result: "i32" },
  // ssize_t recv(int sockfd, void *buf, size_t len, int flags)
  recv: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  // ssize_t send(int sockfd, const void *buf, size_t len, int flags)
  send: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  // int getsockopt(int sockfd, int level, int optname, void *optval, socklen_t *optlen)
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  // int open(const char *pathname, int flags)
  open: { parameters: ["buffer", "i32"], result: "i32" },
  // int flock(int fd, int operation)
  flock: { parameters: ["i32", "i32"], result: "i32" },
  // void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  // int munmap(void *addr, size_t length)
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  // int fcntl(int fd, int op, int arg)
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
  //                socklen_t addrlen)
  sendto: { parameters: ["i32", "buffer", "i32", "i32", "buffer", "u32"], result: "i32" },
  // int lockf(int fd, int op, off_t len)
  lockf: { parameters: ["i32", "i32", "i64"], result: "i32" },
  // int ftruncate(int fd, off_t length)
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  // int close(int fd)
  close: { parameters: ["i32"], result: "i32" },
  // int *__errno_location(void)
  __errno_location: { parameters: [], result: "pointer" },
  // char *strerror(int errnum)
  strerror: { parameters: ["i32"], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions of the C library. */
export type Libc = Deno.DynamicLibrary<typeof symbols>["symbols"];

let opened: Libc | undefined;
let errnoCell: Int32Array | undefined;

/** The C library, opened at the first call: commands that don't serve never pay for it. */
export function libc(): Libc {
  opened ??= Deno.dlopen("libc.so.6", symbols).symbols;
  return opened;
}

/**
 * The main thread's `errno`, good until the next call. Meaningless after a nonblocking call,
 * which fails on another thread.
 */
export function errno(): number {
  errnoCell ??= openErrno();
  return errnoCell[0]!;
}

function openErrno(): Int32Array {
  const location = libc().__errno_location();
  if (location === null) throw new Error("Cannot find errno: the C library returned no address");
  return new Int32Array(new Deno.UnsafePointerView(location).getArrayBuffer(4));
}

/** The C library's words for an error number, such as "Permission denied". */
export function errorText(code: number): string {
  const text = libc().strerror(code);
  return text === null ? `error ${code}` : new Deno.UnsafePointerView(text).getCString();
}

/** A system call that failed: which, on what, and why. */
export class SystemCallError extends Error {
  /** The error number. */
  readonly code: number;

  constructor(what: string, code: number) {
    super(`${what}: ${errorText(code)}`);
    this.name = "SystemCallError";
    this.code = code;
  }
}

/** Error numbers that are handled; the same on x86-64 and AArch64. */
export const ENOENT = 2;
export const EINTR = 4;
export const EAGAIN = 11;
export const ENFILE = 23;
export const EMFILE = 24;
export const ECONNABORTED = 103;
export const ECONNREFUSED = 111;
