/*
 * Stands in for the calls that a Xenstore daemon makes to the Xen user-space libraries, so that
 * Debian's xenstored and oxenstored run, unchanged, on a machine without Xen. It is preloaded;
 * XENSIM_DIR names a folder that holds the simulated host:
 *
 *   ring-<domid>     4096-byte file, the domain's Xenstore page
 *   evtchn           datagram socket of the daemon: a 4-byte local port sent here raises that port
 *   evtchn-<domid>   datagram socket of a domain: a 4-byte remote port arrives here on notify
 *   domains          one byte a domid: 0 no such domain, 1 running, 2 dying; domain 0 always runs
 *
 * A domain's local port is 1000 plus its domid; port 1 is VIRQ_DOM_EXC, port 2 domain 0's.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <xenctrl.h>

enum { VIRQ_PORT = 1, DOM0_PORT = 2, FIRST_GUEST_PORT = 1000, PORTS = 65536 };
enum { PAGE = 4096, DOMAINS = 32768, DOMID_LIMIT = 32752 };
enum { ABSENT, RUNNING, DYING };

struct channel { int fd; };
static struct { unsigned domid, remote; } ports[PORTS];

static void sim_path(char *out, size_t size, const char *format, ...)
{
	const char *dir = getenv("XENSIM_DIR");
	if (!dir) {
		fputs("xensim: XENSIM_DIR must name the simulated host's folder\n", stderr);
		abort();
	}
	int length = snprintf(out, size, "%s/", dir);
	va_list args;
	va_start(args, format);
	vsnprintf(out + length, size - length, format, args);
	va_end(args);
}

static int real_open(const char *path, int flags, int mode)
{
	static int (*next)(const char *, int, ...);
	if (!next)
		next = dlsym(RTLD_NEXT, "open");
	return next(path, flags, mode);
}

/* Event channels */

static int bind_daemon_socket(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	sim_path(address.sun_path, sizeof address.sun_path, "evtchn");
	unlink(address.sun_path);
	if (fd >= 0 && bind(fd, (void *)&address, sizeof address) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

void *xenevtchn_fdopen(void *logger, int fd, unsigned flags)
{
	struct channel *channel = malloc(sizeof *channel);
	if (channel)
		channel->fd = fd;
	return channel;
}

void *xenevtchn_open(void *logger, unsigned flags)
{
	int fd = bind_daemon_socket();
	return fd < 0 ? NULL : xenevtchn_fdopen(logger, fd, flags);
}

int xenevtchn_close(struct channel *channel)
{
	if (channel)
		close(channel->fd);
	free(channel);
	return 0;
}

int xenevtchn_fd(struct channel *channel) { return channel->fd; }
int xenevtchn_bind_virq(struct channel *channel, unsigned virq) { return VIRQ_PORT; }
int xenevtchn_unbind(struct channel *channel, unsigned port) { return 0; }
int xenevtchn_unmask(struct channel *channel, unsigned port) { return 0; }

int xenevtchn_bind_interdomain(struct channel *channel, unsigned domid, unsigned remote)
{
	unsigned port = domid == 0 ? DOM0_PORT : FIRST_GUEST_PORT + domid;
	if (port >= PORTS) {
		errno = EINVAL;
		return -1;
	}
	ports[port].domid = domid;
	ports[port].remote = remote;
	return port;
}

int xenevtchn_notify(struct channel *channel, unsigned port)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	uint32_t remote;
	if (port >= PORTS) {
		errno = EINVAL;
		return -1;
	}
	remote = ports[port].remote;
	sim_path(address.sun_path, sizeof address.sun_path, "evtchn-%u", ports[port].domid);
	/* As with a real channel, nobody need be listening. */
	sendto(channel->fd, &remote, sizeof remote, MSG_DONTWAIT, (void *)&address, sizeof address);
	return 0;
}

int xenevtchn_pending(struct channel *channel)
{
	uint32_t port;
	return recv(channel->fd, &port, sizeof port, 0) == sizeof port ? (int)port : -1;
}

/* Ring pages */

static void *map_ring(unsigned domid)
{
	char path[256];
	sim_path(path, sizeof path, "ring-%u", domid);
	int fd = real_open(path, O_RDWR | O_CLOEXEC, 0);
	if (fd < 0)
		return NULL;
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return page == MAP_FAILED ? NULL : page;
}

static char handle;
void *xengnttab_open(void *logger, unsigned flags) { return &handle; }
int xengnttab_close(void *gnttab) { return 0; }
int xengnttab_set_max_grants(void *gnttab, uint32_t count) { return 0; }
int xengnttab_unmap(void *gnttab, void *page, uint32_t count) { return munmap(page, PAGE); }

void *xengnttab_map_grant_ref(void *gnttab, uint32_t domid, uint32_t ref, int protection)
{
	return map_ring(domid);
}

void *xc_map_foreign_range(xc_interface *xch, uint32_t domid, int size, int protection,
			   unsigned long frame)
{
	return map_ring(domid);
}

/* Domains */

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *domain_builder,
				unsigned flags)
{
	return (void *)&handle;
}

int xc_interface_close(xc_interface *xch) { return 0; }

static unsigned char *domains(void)
{
	static unsigned char *map;
	char path[256];
	if (map)
		return map;
	sim_path(path, sizeof path, "domains");
	int fd = real_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, DOMAINS))
		abort();
	map = mmap(NULL, DOMAINS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		abort();
	map[0] = RUNNING;
	return map;
}

static uint32_t next_domain(uint32_t domid)
{
	while (domid < DOMID_LIMIT && domains()[domid] == ABSENT)
		domid++;
	return domid;
}

int xc_domain_getinfo(xc_interface *xch, uint32_t first, unsigned limit, xc_dominfo_t *info)
{
	unsigned count = 0;
	for (uint32_t domid = next_domain(first); domid < DOMID_LIMIT && count < limit;
	     domid = next_domain(domid + 1), count++) {
		memset(info + count, 0, sizeof *info);
		info[count].domid = domid;
		info[count].dying = domains()[domid] == DYING;
		info[count].running = domains()[domid] == RUNNING;
	}
	return (int)count;
}

int xc_domain_getinfolist(xc_interface *xch, uint32_t first, unsigned limit,
			  xc_domaininfo_t *info)
{
	unsigned count = 0;
	for (uint32_t domid = next_domain(first); domid < DOMID_LIMIT && count < limit;
	     domid = next_domain(domid + 1), count++) {
		memset(info + count, 0, sizeof *info);
		info[count].domain = domid;
		info[count].flags =
			domains()[domid] == DYING ? XEN_DOMINF_dying : XEN_DOMINF_running;
	}
	return (int)count;
}

/* The C library's calls that would reach the real host */

static int port_file(void)
{
	char path[256];
	sim_path(path, sizeof path, "xsd_port");
	int fd = real_open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd >= 0 && (write(fd, "1", 1) != 1 || lseek(fd, 0, SEEK_SET) != 0))
		abort();
	return fd;
}

int open(const char *path, int flags, ...)
{
	va_list args;
	char ring[256];
	va_start(args, flags);
	int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, int) : 0;
	va_end(args);
	if (!strcmp(path, "/proc/xen/xsd_port"))
		return port_file();
	if (!strcmp(path, "/proc/xen/xsd_kva")) {
		sim_path(ring, sizeof ring, "ring-0");
		return real_open(ring, O_RDWR, 0);
	}
	return real_open(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list args;
	va_start(args, flags);
	int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, int) : 0;
	va_end(args);
	return open(path, flags, mode);
}

/* oxenstored's socket path is compiled in; this puts it into the simulated host's folder. */
int bind(int fd, const struct sockaddr *address, socklen_t length)
{
	static int (*next)(int, const struct sockaddr *, socklen_t);
	const struct sockaddr_un *wanted = (const void *)address;
	struct sockaddr_un ours = { .sun_family = AF_UNIX };
	if (!next)
		next = dlsym(RTLD_NEXT, "bind");
	if (address->sa_family != AF_UNIX || !strstr(wanted->sun_path, "run/xenstored/socket"))
		return next(fd, address, length);
	sim_path(ours.sun_path, sizeof ours.sun_path, "socket");
	unlink(ours.sun_path);
	return next(fd, (void *)&ours, sizeof ours);
}

/* oxenstored ends when it may not raise its limit of open files, which only root may. */
int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit) { return 0; }
