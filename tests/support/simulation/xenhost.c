// Stands in for the Xen libraries that a Xenstore daemon calls, on a machine without Xen: the
// functions of libxenevtchn, libxengnttab, libxenctrl and libxenmanage, over a folder that the
// test shares (XENHOST_DIR).  xs loads it in place of each; C xenstored and oxenstored take it by
// LD_PRELOAD, for which it also redirects the few files that they open by fixed names.
//
//   host     `struct host` (xenhost.h), mapped by all: domains, event channel ports, counters
//   pages    one page a domid, at domid * 4096: the Xenstore rings, domain 0's included
//   events   FIFO to the daemon: a 32-bit number of its port for each event
//   notices  FIFO to the test: 32-bit domid and port of the guest for each event
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
#include <sys/un.h>
#include <unistd.h>
#include <xenctrl.h>
#include "xenhost.h"

enum { FIRST_PORT = 8 };
enum { EXISTS = 1, SHUTDOWN = 2, DEAD = 8 };
enum { VIRQ = 0xffffffff };

static void path(char *out, size_t n, const char *name) {
	const char *dir = getenv("XENHOST_DIR");
	snprintf(out, n, "%s/%s", dir ? dir : "/nonexistent", name);
}
static int real_open(const char *p, int flags) {
	int (*ropen)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
	return ropen(p, flags);
}
static int open_here(const char *name, int flags) {
	char p[512]; path(p, sizeof p, name);
	return real_open(p, flags | O_CLOEXEC);
}
static void *map_here(const char *name, size_t size, off_t at) {
	int fd = open_here(name, O_RDWR);
	if (fd < 0) return NULL;
	void *m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, at);
	close(fd);
	return m == MAP_FAILED ? NULL : m;
}
static struct host *host(void) {
	static struct host *h;
	if (!h && !(h = map_here("host", sizeof *h, 0))) abort();
	return h;
}
static struct domain *find(uint32_t domid) {
	struct domain *d = domid < DOMAINS ? &host()->domain[domid] : NULL;
	return d && (d->state & EXISTS) ? d : NULL;
}
// The first domid from `first` on that has its bit; DOMAINS for none.
static uint32_t next_bit(_Atomic uint32_t *bits, uint32_t first) {
	for (uint32_t i = first; i < DOMAINS; i = (i | 31) + 1) {
		uint32_t rest = bits[i / 32] >> i % 32;
		if (rest) return i + (uint32_t)__builtin_ctz(rest);
	}
	return DOMAINS;
}
static uint32_t next_domain(uint32_t first) { return next_bit(host()->present, first); }
static int fail(int code) { errno = code; return -1; }

// Event channels. An event that comes while its port is masked waits until it is not.
static int events_fd = -1, notices_fd = -1;
static void deliver(uint32_t n) {
	struct port *p = &host()->port[n];
	uint32_t unmasked = 0;
	if (!p->pending || !atomic_compare_exchange_strong(&p->masked, &unmasked, 1)) return;
	p->pending = 0;
	if (write(events_fd, &n, sizeof n) != sizeof n) abort();
}
enum { NO_CLOEXEC = 1 };
void *xenevtchn_open(void *logger, unsigned flags) {
	if (events_fd < 0) events_fd = open_here("events", O_RDWR);
	if (events_fd >= 0 && flags & NO_CLOEXEC) fcntl(events_fd, F_SETFD, 0);
	if (notices_fd < 0) notices_fd = open_here("notices", O_RDWR | O_NONBLOCK);
	return events_fd < 0 ? NULL : &events_fd;
}
// In a program that takes another's place: ports are still bound, pages were unmapped by execve.
void *xenevtchn_fdopen(void *logger, int fd, unsigned flags) {
	if (flags) { errno = EINVAL; return NULL; }
	if (fcntl(fd, F_GETFD) < 0) return NULL;
	for (uint32_t d = 0; d < DOMAINS; d++) host()->domain[d].mapped = 0;
	host()->mapped = 0;
	events_fd = fd;
	return xenevtchn_open(logger, 0);
}
int xenevtchn_close(void *e) {
	for (uint32_t n = 0; n < PORTS; n++)
		if (host()->port[n].owner) {
			uint32_t owner = host()->port[n].owner;
			if (owner != VIRQ) host()->domain[owner - 1].bound = 0;
			host()->port[n].owner = 0;
			host()->bound--;
		}
	host()->virq_port = 0;
	close(events_fd); close(notices_fd);
	events_fd = notices_fd = -1;
	return 0;
}
int xenevtchn_fd(void *e) { return events_fd; }
static int bind_port(uint32_t owner, uint32_t remote) {
	static uint32_t next = FIRST_PORT;
	for (int tries = 0; tries < PORTS; tries++, next = next + 1 < PORTS ? next + 1 : FIRST_PORT) {
		struct port *p = &host()->port[next];
		if (p->owner) continue;
		p->remote = remote; p->masked = 0; p->pending = 1; p->owner = owner;
		host()->bound++;
		int n = (int)next++;
		if (next >= PORTS) next = FIRST_PORT;
		deliver(n); // as Xen does: whoever binds looks first
		return n;
	}
	return fail(ENOSPC);
}
int xenevtchn_bind_virq(void *e, unsigned virq) {
	if (virq != 3) return fail(EINVAL);
	if (host()->virq_port) return fail(EEXIST);
	int n = bind_port(VIRQ, 0);
	host()->virq_port = n;
	for (int i = 0; i < DOMAINS / 32; i++) host()->changed[i] |= host()->present[i];
	return n;
}
int xenevtchn_bind_interdomain(void *e, uint32_t domid, uint32_t remote) {
	struct domain *d = find(domid);
	if (!d) return fail(ESRCH);
	if (d->bind_errno) return fail(d->bind_errno);
	if (d->bound) return fail(EINVAL); // somebody has the other end
	int n = bind_port(domid + 1, remote);
	if (n >= 0) { d->bound = remote; d->local = n; }
	return n;
}
int xenevtchn_unbind(void *e, uint32_t n) {
	struct port *p = n < PORTS ? &host()->port[n] : NULL;
	if (!p || !p->owner) return fail(EINVAL);
	if (p->owner == VIRQ) host()->virq_port = 0;
	else host()->domain[p->owner - 1].bound = 0;
	p->owner = 0;
	host()->bound--;
	return 0;
}
int xenevtchn_unmask(void *e, uint32_t n) {
	if (n >= PORTS || !host()->port[n].owner) return fail(EINVAL);
	host()->unmasks++;
	host()->port[n].masked = 0;
	deliver(n);
	return 0;
}
int xenevtchn_notify(void *e, uint32_t n) {
	struct port *p = n < PORTS ? &host()->port[n] : NULL;
	if (!p || !p->owner || p->owner == VIRQ) return fail(EINVAL);
	uint32_t notice[2] = { p->owner - 1, p->remote };
	host()->notifies++;
	// A full FIFO loses it, as a guest may miss any event but the last: the test empties it.
	if (write(notices_fd, notice, sizeof notice) < 0) return 0;
	return 0;
}
int xenevtchn_pending(void *e) {
	uint32_t n;
	host()->pendings++;
	return read(events_fd, &n, sizeof n) == sizeof n ? (int)n : -1;
}

// Grants: the page of a domain is under reference 1.
static void *mapped[DOMAINS];
void *xengnttab_open(void *logger, unsigned flags) { return mapped; }
int xengnttab_close(void *g) { return 0; }
int xengnttab_set_max_grants(void *g, uint32_t n) { return 0; }
void *xengnttab_map_grant_ref(void *g, uint32_t domid, uint32_t ref, int prot) {
	struct domain *d = find(domid);
	int code = !d || (d->state & DEAD) ? ESRCH : ref != 1 ? EINVAL : (int)d->map_errno;
	if (code) { errno = code; return NULL; }
	void *m = map_here("pages", PAGE, (off_t)domid * PAGE);
	if (m) { mapped[domid] = m; d->mapped++; host()->mapped++; }
	return m;
}
int xengnttab_unmap(void *g, void *address, uint32_t count) {
	for (uint32_t d = 0; d < DOMAINS; d++)
		if (mapped[d] == address) {
			mapped[d] = NULL; host()->domain[d].mapped--; host()->mapped--;
			return munmap(address, PAGE);
		}
	return fail(EINVAL);
}

// The list of domains, as Xen 4.17 shows it: "dying" is said of the dead only.
xc_interface *xc_interface_open(xentoollog_logger *l, xentoollog_logger *b, unsigned flags) { return (void *)host(); }
int xc_interface_close(xc_interface *x) { return 0; }
void *xc_map_foreign_range(xc_interface *x, uint32_t domid, int size, int prot, unsigned long mfn) {
	return map_here("pages", PAGE, (off_t)domid * PAGE);
}
int xc_domain_getinfolist(xc_interface *x, uint32_t first, unsigned max, xc_domaininfo_t *out) {
	unsigned n = 0;
	host()->infos++;
	for (uint32_t i = next_domain(first); i < 32752 && n < max; i = next_domain(i + 1)) {
		struct domain *d = find(i);
		if (!d) continue;
		memset(out + n, 0, sizeof *out);
		out[n].domain = i;
		out[n].flags = (d->state & DEAD ? XEN_DOMINF_dying : 0) | (d->state & SHUTDOWN ? XEN_DOMINF_shutdown : 0);
		memcpy(out[n].handle, d->handle, sizeof d->handle);
		n++;
	}
	return (int)n;
}
int xc_domain_getinfo(xc_interface *x, uint32_t first, unsigned max, xc_dominfo_t *out) {
	unsigned n = 0;
	for (uint32_t i = next_domain(first); i < 32752 && n < max; i = next_domain(i + 1)) {
		struct domain *d = find(i);
		if (!d) continue;
		memset(out + n, 0, sizeof *out);
		out[n].domid = i;
		out[n].dying = !!(d->state & DEAD);
		out[n].shutdown = !!(d->state & SHUTDOWN);
		n++;
	}
	return (int)n;
}

// The same as Xen 4.21 and later show it.
void *xenmanage_open(void *logger, unsigned flags) { return host(); }
int xenmanage_close(void *m) { return 0; }
static void tell(struct domain *d, unsigned *state, unsigned *caps, uint64_t *unique_id) {
	if (state) *state = d->state;
	if (caps) *caps = d->state ? d->caps : 0;
	if (unique_id) *unique_id = d->state ? d->unique_id : 0;
}
int xenmanage_get_domain_info(void *m, unsigned domid, unsigned *state, unsigned *caps, uint64_t *unique_id) {
	if (domid >= 32752) return fail(EINVAL);
	host()->infos++;
	tell(&host()->domain[domid], state, caps, unique_id);
	return 0;
}
int xenmanage_poll_changed_domain(void *m, unsigned *domid, unsigned *state, unsigned *caps, uint64_t *unique_id) {
	static unsigned next;
	if (!host()->virq_port) return fail(EACCES);
	unsigned n = next_bit(host()->changed, next);
	if (n == DOMAINS) n = next_bit(host()->changed, 0);
	next = 0;
	if (n == DOMAINS) return fail(ENOENT);
	atomic_fetch_and(&host()->changed[n / 32], ~(1u << n % 32));
	next = n + 1;
	*domid = n;
	tell(&host()->domain[n], state, caps, unique_id);
	return 0;
}

// For LD_PRELOAD only: names that are fixed in the daemons.
int open(const char *p, int flags, ...) {
	va_list ap; va_start(ap, flags); int mode = va_arg(ap, int); va_end(ap);
	int (*ropen)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
	if (!strcmp(p, "/proc/xen/xsd_port")) return open_here("xsd_port", flags);
	if (!strcmp(p, "/proc/xen/xsd_kva")) return open_here("pages", flags);
	return ropen(p, flags, mode);
}
int open64(const char *p, int flags, ...) {
	va_list ap; va_start(ap, flags); int mode = va_arg(ap, int); va_end(ap);
	return open(p, flags, mode);
}
int bind(int fd, const struct sockaddr *addr, socklen_t len) {
	int (*rbind)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "bind");
	const struct sockaddr_un *un = (const void *)addr;
	struct sockaddr_un mine = { .sun_family = AF_UNIX };
	// oxenstored has no setting for its socket's place.
	if (addr->sa_family != AF_UNIX || !strstr(un->sun_path, "run/xenstored/socket")) return rbind(fd, addr, len);
	path(mine.sun_path, sizeof mine.sun_path, "socket"); unlink(mine.sun_path);
	return rbind(fd, (void *)&mine, sizeof mine);
}
int setrlimit(__rlimit_resource_t r, const struct rlimit *l) { return 0; }
