/**
 * The C library: the one place that opens it. Its functions come in groups, each opened when it is
 * first used, so that a program pays for what it does, and a function that an older library lacks
 * fails what needs it and nothing else. Lengths are declared `i32`: cheaper to pass than `usize`,
 * and no buffer here is near 2 GiB.
 */
const LIBRARY = "libc.so.6";

type Functions<T extends Deno.ForeignLibraryInterface> = Deno.DynamicLibrary<T>["symbols"];

/** The C library lacks what a part of the program needs. */
export class LibcError extends Error {
  override readonly name = "LibcError";
}

/**
 * Functions of the C library that serve one purpose, `purpose`, opened at the first call. What
 * {@link errno} needs is opened before: opening it behind a call that failed would change `errno`.
 */
export function libcGroup<const T extends Deno.ForeignLibraryInterface>(
  purpose: string,
  symbols: T,
): () => Functions<T> {
  let opened: Functions<T> | undefined;
  return () => {
    if (opened !== undefined) return opened;
    errnoCell ??= findErrno();
    return opened = open(purpose, symbols);
  };
}

/** @throws {LibcError} naming what is missing. */
function open<T extends Deno.ForeignLibraryInterface>(purpose: string, symbols: T): Functions<T> {
  try {
    return Deno.dlopen(LIBRARY, symbols).symbols;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const missing = /undefined symbol: (\S+)/.exec(reason)?.[1];
    const what = missing === undefined ? reason : `${LIBRARY} has no ${missing}`;
    throw new LibcError(`cannot ${purpose}: ${what} (glibc 2.27 or later is needed)`);
  }
}

/** Descriptors and files. */
const files = libcGroup("work with files", {
  // int open(const char *pathname, int flags)
  open: { parameters: ["buffer", "i32"], result: "i32" },
  // int close(int fd)
  close: { parameters: ["i32"], result: "i32" },
  // ssize_t read(int fd, void *buf, size_t count)
  read: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  // ssize_t write(int fd, const void *buf, size_t count)
  write: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  // int fcntl(int fd, int op, int arg)
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // int flock(int fd, int operation)
  flock: { parameters: ["i32", "i32"], result: "i32" },
  // int lockf(int fd, int op, off_t len)
  lockf: { parameters: ["i32", "i32", "i64"], result: "i32" },
  // int ftruncate(int fd, off_t length)
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  // int fallocate(int fd, int mode, off_t offset, off_t len)
  fallocate: { parameters: ["i32", "i32", "i64", "i64"], result: "i32" },
  // off_t lseek(int fd, off_t offset, int whence)
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
});

/** Memory that is shared with files, devices and other processes. */
const memory = libcGroup("share memory", {
  // void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  // int munmap(void *addr, size_t length)
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
});

/** Files in memory, for what outlives the daemon. */
const memoryFiles = libcGroup("keep connections in memory", {
  // int memfd_create(const char *name, unsigned int flags)
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  // int mlock(const void *addr, size_t len)
  mlock: { parameters: ["pointer", "usize"], result: "i32" },
});

/** File systems. */
const fileSystems = libcGroup("look at file systems", {
  // int statvfs(const char *path, struct statvfs *buf)
  statvfs: { parameters: ["buffer", "buffer"], result: "i32" },
});

/** The allocator. */
const allocator = libcGroup("manage memory", {
  // int malloc_trim(size_t pad)
  malloc_trim: { parameters: ["usize"], result: "i32" },
  // int mallopt(int param, int value)
  mallopt: { parameters: ["i32", "i32"], result: "i32" },
});

/** The time. */
const time = libcGroup("tell the time", {
  // int clock_gettime(clockid_t clockid, struct timespec *tp)
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
});

/** Sockets, but for messages with more than bytes. */
const sockets = libcGroup("use sockets", {
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
  // ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
  //                socklen_t addrlen)
  sendto: { parameters: ["i32", "buffer", "i32", "i32", "buffer", "u32"], result: "i32" },
  // int shutdown(int sockfd, int how)
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  // int getsockopt(int sockfd, int level, int optname, void *optval, socklen_t *optlen)
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  // int setsockopt(int sockfd, int level, int optname, const void *optval, socklen_t optlen)
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  // int getsockname(int sockfd, struct sockaddr *addr, socklen_t *addrlen)
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
});

/** Messages on sockets: several in one call, and descriptors that come with them. */
const messages = libcGroup("send and receive messages", {
  // int recvmmsg(int sockfd, struct mmsghdr *msgvec, unsigned int vlen, int flags,
  //              struct timespec *timeout)
  recvmmsg: { parameters: ["i32", "buffer", "u32", "i32", "pointer"], result: "i32" },
  // int sendmmsg(int sockfd, struct mmsghdr *msgvec, unsigned int vlen, int flags)
  sendmmsg: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  // ssize_t sendmsg(int sockfd, const struct msghdr *msg, int flags)
  sendmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  // ssize_t recvmsg(int sockfd, struct msghdr *msg, int flags)
  recvmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  // int socketpair(int domain, int type, int protocol, int sv[2])
  socketpair: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
});

/** Waiting for descriptors. */
const polling = libcGroup("wait for descriptors", {
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
});

/** Child processes. */
const processes = libcGroup("start processes", {
  // int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *file_actions,
  //                 const posix_spawnattr_t *attrp, char *const argv[], char *const envp[])
  posix_spawn: {
    parameters: ["buffer", "buffer", "buffer", "pointer", "buffer", "buffer"],
    result: "i32",
  },
  // int posix_spawn_file_actions_init(posix_spawn_file_actions_t *file_actions)
  posix_spawn_file_actions_init: { parameters: ["buffer"], result: "i32" },
  // int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *file_actions)
  posix_spawn_file_actions_destroy: { parameters: ["buffer"], result: "i32" },
  // int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *file_actions, int fildes,
  //                                      int newfildes)
  posix_spawn_file_actions_adddup2: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  // long syscall(long number, ...): pidfd_open(2) has no function of its own in older libraries.
  syscall: { parameters: ["i64", "i64", "i64"], result: "i64" },
  // pid_t waitpid(pid_t pid, int *wstatus, int options)
  waitpid: { parameters: ["i32", "buffer", "i32"], result: "i32" },
});

/** Another program in this one's place. */
const replacement = libcGroup("replace this process", {
  // int execv(const char *pathname, char *const argv[])
  execv: { parameters: ["buffer", "buffer"], result: "i32" },
  // int sigemptyset(sigset_t *set)
  sigemptyset: { parameters: ["buffer"], result: "i32" },
  // int pthread_sigmask(int how, const sigset_t *set, sigset_t *oldset)
  pthread_sigmask: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  // sighandler_t signal(int signum, sighandler_t handler)
  signal: { parameters: ["i32", "pointer"], result: "pointer" },
});

/** The functions of the C library, by what they are for: `libc.files().close(fd)`. */
export const libc = {
  allocator,
  files,
  fileSystems,
  memory,
  memoryFiles,
  messages,
  polling,
  processes,
  replacement,
  sockets,
  time,
} as const;

/** What tells of failed calls: opened before everything else. */
const errors = {
  // int *__errno_location(void)
  __errno_location: { parameters: [], result: "pointer" },
  // char *strerror(int errnum)
  strerror: { parameters: ["i32"], result: "pointer" },
} as const;

let errorsOpened: Functions<typeof errors> | undefined;
let errnoCell: Int32Array | undefined;

function errorFunctions(): Functions<typeof errors> {
  return errorsOpened ??= open("tell of failed calls", errors);
}

function findErrno(): Int32Array {
  const location = errorFunctions().__errno_location();
  if (location === null) throw new LibcError("cannot find errno: the C library gives no address");
  return new Int32Array(new Deno.UnsafePointerView(location).getArrayBuffer(4));
}

/**
 * The main thread's `errno`, good until the next call. Meaningless after a nonblocking call,
 * which fails on another thread.
 */
export function errno(): number {
  errnoCell ??= findErrno();
  return errnoCell[0]!;
}

/** The C library's words for an error number, such as "Permission denied". */
export function errorText(code: number): string {
  const text = errorFunctions().strerror(code);
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
