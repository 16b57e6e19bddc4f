// Comes between a daemon and the files of its store, by LD_PRELOAD: lets calls fail, kills the
// process at one of them, and keeps what of each file is sure to be on a disk that forgets all
// that it was not made to keep (fsync).
//
//   XS_FAULT_STORE    the store file; its companions (-wal, .tail and others) begin with its name
//   XS_FAULT_CONTROL  `struct control` below, shared with the test
//
// What is on the disk lies beside each file, in FILE@disk. A page is taken there by a sync that
// succeeds. One that fails takes nothing, and the pages that it was to take are clean from then on,
// as with Linux: a later sync that succeeds says nothing of them.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAIN = 1, WAL = 2, TAIL = 4, OTHER = 8 };
enum { BEFORE, AFTER, HALF }; // when in a call the process dies
enum { PAGE = 4096, PAGES = 16384 };

struct control {
	_Atomic int32_t sync_errno, write_errno; // what calls fail with; 0: they do not
	_Atomic int32_t files;                   // of which files: MAIN and so on
	_Atomic int32_t calls;                   // that change something, so far
	_Atomic int32_t kill_at, kill_when;      // the call that is the last one; 0: none
	_Atomic int32_t failed;                  // calls that were let fail
	_Atomic int32_t keep;                    // whether to keep what is on the disk
};

static struct control *control;
static const char *store;

/** Pages that were written since the last sync, or (the tail, which is mapped) its last bytes. */
static struct { uint8_t dirty[PAGES]; uint8_t *seen; size_t seen_size; } files[3];

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("XS_FAULT_CONTROL");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	store = getenv("XS_FAULT_STORE");
	if (fd < 0 || store == NULL) return;
	void *memory = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (memory != MAP_FAILED) control = memory;
	// The store file may have pages of an earlier process that no sync has come to yet.
	memset(files[0].dirty, 1, sizeof files[0].dirty);
}

#define REAL(result, name, ...) \
	static result (*real)(__VA_ARGS__); \
	if (real == NULL) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int kind_of(const char *path)
{
	size_t length = store == NULL ? 0 : strlen(store);
	if (control == NULL || path == NULL || strncmp(path, store, length) != 0) return 0;
	const char *rest = path + length;
	if (strchr(rest, '@') != NULL) return 0;
	if (*rest == '\0') return MAIN;
	if (strcmp(rest, "-wal") == 0) return WAL;
	return strcmp(rest, ".tail") == 0 ? TAIL : OTHER;
}

static int kind_of_fd(int fd, char path[PATH_MAX])
{
	char link[64];
	if (control == NULL) return 0;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, PATH_MAX - 1);
	if (length < 0) return 0;
	path[length] = '\0';
	return kind_of(path);
}

static void die(void)
{
	kill(getpid(), SIGKILL);
	for (;;) pause();
}

/** One call: whether it is to be the last one, and dies before it if so told. */
static int is_last(void)
{
	int call = ++control->calls;
	if (control->kill_at == 0 || call != control->kill_at) return 0;
	if (control->kill_when == BEFORE) die();
	return 1;
}

static int fails(int kind, int code)
{
	if (code == 0 || (kind & control->files) == 0) return 0;
	control->failed++;
	errno = code;
	return 1;
}

static int index_of(int kind) { return kind == MAIN ? 0 : kind == WAL ? 1 : 2; }

static void written(int kind, off_t at, ssize_t count)
{
	if (kind == OTHER) return;
	for (off_t page = at / PAGE; count > 0 && page <= (at + count - 1) / PAGE; page++)
		if (page < PAGES) files[index_of(kind)].dirty[page] = 1;
}

/** Of a file that is mapped nobody tells what was written: the pages that are not as they were. */
static void look(int i, const uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at < size; at += PAGE) {
		size_t count = size - at < PAGE ? size - at : PAGE;
		int known = at + count <= files[i].seen_size;
		if (at / PAGE < PAGES && (!known || memcmp(files[i].seen + at, bytes + at, count) != 0))
			files[i].dirty[at / PAGE] = 1;
	}
	files[i].seen = realloc(files[i].seen, size);
	memcpy(files[i].seen, bytes, size);
	files[i].seen_size = size;
}

static void synced(int kind, const char *path, int succeeded)
{
	REAL(ssize_t, "pwrite64", int, const void *, size_t, off_t);
	if (kind == OTHER || !control->keep) return;
	char disk[PATH_MAX + 8];
	snprintf(disk, sizeof disk, "%s@disk", path);
	int from = open(path, O_RDONLY | O_CLOEXEC), i = index_of(kind);
	int to = open(disk, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat about;
	if (from < 0 || to < 0 || fstat(from, &about) != 0) abort();
	uint8_t *bytes = about.st_size == 0 ? NULL
		: mmap(NULL, about.st_size, PROT_READ, MAP_SHARED, from, 0);
	if (kind == TAIL && bytes != NULL) look(i, bytes, about.st_size);
	for (off_t at = 0; succeeded && at < about.st_size; at += PAGE) {
		size_t count = about.st_size - at < PAGE ? about.st_size - at : PAGE;
		if (files[i].dirty[at / PAGE] && real(to, bytes + at, count, at) < 0) abort();
	}
	if (succeeded && ftruncate(to, about.st_size) != 0) abort();
	// Of the tail nobody can tell here whether a page was written once more as it was before.
	if (succeeded || kind != TAIL) memset(files[i].dirty, 0, sizeof files[i].dirty);
	if (bytes != NULL) munmap(bytes, about.st_size);
	close(from);
	close(to);
}

static ssize_t do_write(int fd, const void *bytes, size_t count, off_t at, int kind)
{
	REAL(ssize_t, "pwrite64", int, const void *, size_t, off_t);
	int last = is_last();
	if (fails(kind, control->write_errno)) return -1;
	ssize_t done = real(fd, bytes, last && control->kill_when == HALF ? count / 2 : count, at);
	if (last) die();
	written(kind, at, done);
	return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at)
{
	REAL(ssize_t, "pwrite64", int, const void *, size_t, off_t);
	char path[PATH_MAX];
	int kind = kind_of_fd(fd, path);
	return kind == 0 ? real(fd, bytes, count, at) : do_write(fd, bytes, count, at, kind);
}

ssize_t write(int fd, const void *bytes, size_t count)
{
	REAL(ssize_t, "write", int, const void *, size_t);
	char path[PATH_MAX];
	int kind = kind_of_fd(fd, path);
	if (kind == 0) return real(fd, bytes, count);
	off_t at = lseek(fd, 0, SEEK_CUR);
	ssize_t done = do_write(fd, bytes, count, at, kind);
	if (done > 0) lseek(fd, at + done, SEEK_SET);
	return done;
}

#define SYNC(name) \
	int name(int fd) \
	{ \
		REAL(int, #name, int); \
		char path[PATH_MAX]; \
		int kind = kind_of_fd(fd, path); \
		if (kind == 0) return real(fd); \
		int last = is_last(); \
		int failed = fails(kind, control->sync_errno); \
		int result = failed ? -1 : real(fd), code = errno; \
		synced(kind, path, result == 0); \
		if (last) die(); \
		errno = code; \
		return result; \
	}

SYNC(fsync)
SYNC(fdatasync)

/** Calls that change names, and such: to die before or behind, or to fail like a write. */
#define CHANGE(name, kind, PARAMETERS, ARGUMENTS) \
	int name PARAMETERS \
	{ \
		static int (*real) PARAMETERS; \
		if (real == NULL) real = (int (*) PARAMETERS)dlsym(RTLD_NEXT, #name); \
		char path[PATH_MAX] __attribute__((unused)); \
		int of = (kind); \
		if (of == 0) return real ARGUMENTS; \
		int last = is_last(); \
		if (fails(of, control->write_errno)) return -1; \
		int result = real ARGUMENTS, code = errno; \
		if (last) die(); \
		errno = code; \
		return result; \
	}

CHANGE(ftruncate, kind_of_fd(fd, path), (int fd, off_t size), (fd, size))
CHANGE(ftruncate64, kind_of_fd(fd, path), (int fd, off_t size), (fd, size))
CHANGE(rename, kind_of(from) | kind_of(to), (const char *from, const char *to), (from, to))
CHANGE(unlink, kind_of(name), (const char *name), (name))
CHANGE(chmod, kind_of(name), (const char *name, mode_t mode), (name, mode))
CHANGE(fchmod, kind_of_fd(fd, path), (int fd, mode_t mode), (fd, mode))

int open64(const char *name, int flags, ...)
{
	REAL(int, "open64", const char *, int, ...);
	va_list more;
	va_start(more, flags);
	mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
	va_end(more);
	int kind = (flags & O_CREAT) != 0 && access(name, F_OK) != 0 ? kind_of(name) : 0;
	if (kind == 0) return real(name, flags, mode);
	int last = is_last();
	if (fails(kind, control->write_errno)) return -1;
	int fd = real(name, flags, mode);
	if (last) die();
	return fd;
}
