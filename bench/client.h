/*
 * What the benches' clients in C have in common: messages, the clock, a connection to the daemon's
 * socket. PROGRAM is the name in their errors.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

/* Message types of the protocol (xenstore.txt). */
enum {
	XS_DIRECTORY = 1, XS_READ = 2, XS_TRANSACTION_START = 6, XS_TRANSACTION_END = 7,
	XS_WRITE = 11, XS_MKDIR = 12, XS_RM = 13, XS_ERROR = 16,
};
enum { MESSAGE_MAX = 4112 };
#define NS INT64_C(1000000000)

struct header { uint32_t type, request, transaction, length; };
struct message { struct header header; char payload[MESSAGE_MAX - sizeof(struct header)]; };

static void die(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs(PROGRAM ": ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * NS + time.tv_nsec;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof address.sun_path)
		die("%s: too long for a socket", path);
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (void *)&address, sizeof address))
		die("%s: %s", path, strerror(errno));
	return fd;
}
