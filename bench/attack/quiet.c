/*
 * The clients that measure what an attack does to others: each has one request outstanding, notes
 * how long the reply takes, and asks again a millisecond later.
 *
 *     quiet FOLDER SOCKET DOMID NODE SHARED
 *
 * FOLDER is a simulated host's (xenhost.h). The quiet guest is DOMID and reads its node x through
 * its ring; the quiet socket reads NODE; domain 0's ring writes and reads a node; its transaction
 * reads SHARED, writes it a millisecond later and commits. It ends when its input ends.
 *
 * It has real-time priority where it may: with what plays the attackers it would share a
 * processor, and measure that. It prints, for each client, a line with its name and its times in
 * us; then the transactions' ends, commits and longest row of EAGAIN; then how late it was itself.
 */
#define _GNU_SOURCE
#define PROGRAM "quiet"
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../../tests/support/simulation/xenhost.h"
#include "../client.h"

enum { RING = 1024, STEPS_MAX = 4, CLIENTS = 4, PRIORITY = 20 };
/* Between a reply and the next request, and between two looks at a ring that owes a reply. */
enum { GAP_NS = 1000000, LOOK_NS = 50000, DRAIN_NS = 1000000000 };

/* The page of a ring (xs_wire.h). */
struct ring {
	char requests[RING], replies[RING];
	_Atomic uint32_t req_cons, req_prod, rsp_cons, rsp_prod;
};
struct step { uint32_t type; const char *path, *value; };

struct client {
	const char *name;
	struct step steps[STEPS_MAX];
	unsigned step_count, step;
	int is_transaction, is_waiting;
	uint32_t transaction;
	int fd;            /* of a socket, or -1 */
	struct ring *ring; /* of a domain, or NULL */
	unsigned domid;
	struct message request, reply;
	size_t sent, received;
	int64_t began, due;
	uint32_t *times;
	size_t count, room;
};

static struct client clients[CLIENTS];
static struct host *host;
static int events;
static unsigned long ends, commits, row, longest_row;

static int open_file(const char *folder, const char *name)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	return fd;
}

static void *map_file(const char *folder, const char *name, size_t size, off_t at)
{
	int fd = open_file(folder, name);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, at);
	if (memory == MAP_FAILED)
		die("%s: %s", name, strerror(errno));
	close(fd);
	return memory;
}

/* Raises an event of the domain's channel; one that comes while the port is masked waits. */
static void kick(unsigned domid)
{
	struct domain *domain = &host->domain[domid];
	if (!domain->bound)
		return;
	uint32_t number = domain->local, unmasked = 0;
	struct port *port = &host->port[number];
	port->pending = 1;
	if (!atomic_compare_exchange_strong(&port->masked, &unmasked, 1))
		return;
	port->pending = 0;
	if (write(events, &number, sizeof number) != sizeof number)
		die("events: %s", strerror(errno));
}

static size_t put_in_ring(struct client *client, const char *bytes, size_t size)
{
	struct ring *ring = client->ring;
	uint32_t prod = ring->req_prod, room = RING - (prod - ring->req_cons);
	size_t count = size < room ? size : room;
	for (size_t i = 0; i < count; i++)
		ring->requests[(prod + i) % RING] = bytes[i];
	ring->req_prod = prod + count;
	if (count)
		kick(client->domid);
	return count;
}

static size_t take_from_ring(struct client *client, char *bytes, size_t size)
{
	struct ring *ring = client->ring;
	uint32_t cons = ring->rsp_cons, there = ring->rsp_prod - cons;
	size_t count = size < there ? size : there;
	for (size_t i = 0; i < count; i++)
		bytes[i] = ring->replies[(cons + i) % RING];
	ring->rsp_cons = cons + count;
	if (count)
		kick(client->domid);
	return count;
}

static size_t moved(struct client *client, ssize_t count)
{
	if (count > 0)
		return count;
	if (count < 0 && errno == EAGAIN)
		return 0;
	die("%s: %s", client->name, count == 0 ? "the daemon disconnected it" : strerror(errno));
	return 0;
}

static void send_rest(struct client *client)
{
	size_t size = sizeof(struct header) + client->request.header.length - client->sent;
	const char *bytes = (const char *)&client->request + client->sent;
	if (size == 0)
		return;
	client->sent += client->ring
		? put_in_ring(client, bytes, size)
		: moved(client, send(client->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static void ask(struct client *client, int64_t now)
{
	const struct step *step = &client->steps[client->step];
	struct message *message = &client->request;
	size_t length = 0;
	if (step->path) {
		strcpy(message->payload, step->path);
		length = strlen(step->path) + 1;
	}
	if (step->value) {
		memcpy(message->payload + length, step->value, strlen(step->value));
		length += strlen(step->value);
	}
	message->header = (struct header){ step->type, 0, client->transaction, length };
	client->sent = client->received = 0;
	client->is_waiting = 1;
	client->began = now;
	send_rest(client);
}

static void note(struct client *client, int64_t now)
{
	if (client->count == client->room) {
		client->room = client->room ? 2 * client->room : 4096;
		client->times = realloc(client->times, client->room * sizeof *client->times);
		if (!client->times)
			die("no memory");
	}
	client->times[client->count++] = (now - client->began) / 1000;
}

/* Whether its reply is that error. */
static int is_error(const struct client *client, const char *word)
{
	return client->reply.header.type == XS_ERROR && !strcmp(client->reply.payload, word);
}

static void took_transaction_step(struct client *client)
{
	const struct message *reply = &client->reply;
	uint32_t type = client->steps[client->step].type;
	if (type == XS_TRANSACTION_START)
		client->transaction = strtoul(reply->payload, NULL, 10);
	if (type == XS_TRANSACTION_START || type == XS_WRITE)
		client->due = 0;
	if (type != XS_TRANSACTION_END)
		return;
	client->due = 0;
	client->transaction = 0;
	ends++;
	if (reply->header.type == type) {
		commits++;
		row = 0;
	} else if (is_error(client, "EAGAIN") && ++row > longest_row) {
		longest_row = row;
	}
}

/* Takes what has come; returns whether the reply is whole. */
static int receive(struct client *client)
{
	struct message *reply = &client->reply;
	char *start = (char *)reply + client->received;
	size_t size = sizeof(struct header) - client->received;
	if (client->received >= sizeof(struct header))
		size += reply->header.length;
	client->received += client->ring
		? take_from_ring(client, start, size)
		: moved(client, recv(client->fd, start, size, MSG_DONTWAIT));
	if (client->received < sizeof(struct header))
		return 0;
	if (reply->header.length >= sizeof reply->payload)
		die("%s: a reply of %u bytes", client->name, reply->header.length);
	return client->received == sizeof(struct header) + reply->header.length;
}

static void take_reply(struct client *client, int64_t now)
{
	struct message *reply = &client->reply;
	uint32_t type = client->steps[client->step].type;
	reply->payload[reply->header.length] = 0;
	int conflict = type == XS_TRANSACTION_END && is_error(client, "EAGAIN");
	/* While there is no space, changes are refused. */
	if (reply->header.type != type && !conflict && !is_error(client, "ENOSPC"))
		die("%s: message type %u answered with %s", client->name, type, reply->payload);
	note(client, now);
	client->is_waiting = 0;
	client->due = now + GAP_NS;
	if (client->is_transaction)
		took_transaction_step(client);
	client->step = (client->step + 1) % client->step_count;
}

static void step(struct client *client)
{
	if (!client->is_waiting) {
		int64_t now = now_ns();
		if (now >= client->due)
			ask(client, now);
		return;
	}
	send_rest(client);
	while (client->is_waiting) {
		size_t before = client->received;
		if (receive(client))
			take_reply(client, now_ns());
		else if (client->received == before)
			return;
	}
}

/* When the next client has something to do that no descriptor tells of. */
static int64_t next_due(int64_t now)
{
	int64_t due = now + NS;
	for (struct client *client = clients; client < clients + CLIENTS; client++) {
		int64_t at = !client->is_waiting ? client->due : client->ring ? now + LOOK_NS : due;
		if (at < due)
			due = at;
	}
	return due < now ? now : due;
}

/* Waits for what is due or has come; returns whether our input has ended. `late` grows to how late it was. */
static int wait_for_more(int64_t *late)
{
	struct pollfd fds[CLIENTS + 1] = { { .fd = STDIN_FILENO, .events = POLLIN } };
	for (int i = 0; i < CLIENTS; i++) {
		int fd = clients[i].is_waiting ? clients[i].fd : -1;
		fds[i + 1] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
	int64_t now = now_ns(), due = next_due(now), rest = due - now;
	struct timespec timeout = { rest / NS, rest % NS };
	int ready = ppoll(fds, CLIENTS + 1, &timeout, NULL);
	if (ready < 0 && errno != EINTR)
		die("ppoll: %s", strerror(errno));
	int64_t after = now_ns() - due;
	if (ready == 0 && after > *late)
		*late = after;
	return fds[0].revents != 0;
}

/* What has no reply yet counts with the time it has waited; then rings are left without any bytes. */
static void finish(void)
{
	int64_t ended = now_ns();
	for (int i = 0; i < CLIENTS; i++)
		if (clients[i].is_waiting)
			note(&clients[i], ended);
	for (int i = 0; i < CLIENTS; i++) {
		struct client *client = &clients[i];
		while (client->ring && client->is_waiting && now_ns() - ended < DRAIN_NS) {
			send_rest(client);
			if (receive(client))
				client->is_waiting = 0;
			usleep(100);
		}
	}
}

static void print_all(int64_t late)
{
	for (struct client *client = clients; client < clients + CLIENTS; client++) {
		printf("%s:", client->name);
		for (size_t i = 0; i < client->count; i++)
			printf(" %u", client->times[i]);
		putchar('\n');
	}
	printf("%lu %lu %lu\n%ld\n", ends, commits, longest_row, (long)(late / 1000));
}

static struct ring *ring_of(const char *folder, unsigned domid)
{
	return map_file(folder, "pages", PAGE, (off_t)domid * PAGE);
}

int main(int argc, char **argv)
{
	if (argc != 6)
		die("usage: quiet FOLDER SOCKET DOMID NODE SHARED");
	const char *folder = argv[1], *path = argv[2], *node = argv[4], *shared = argv[5];
	unsigned domid = strtoul(argv[3], NULL, 10);
	const char *own = "/tool/probe";
	host = map_file(folder, "host", sizeof *host, 0);
	events = open_file(folder, "events");
	clients[0] = (struct client){
		.name = "quiet guest", .steps = { { XS_READ, "x" } }, .step_count = 1,
		.fd = -1, .ring = ring_of(folder, domid), .domid = domid,
	};
	clients[1] = (struct client){
		.name = "quiet socket", .steps = { { XS_READ, node } }, .step_count = 1,
		.fd = connect_to(path),
	};
	clients[2] = (struct client){
		.name = "dom0 ring", .fd = -1, .ring = ring_of(folder, 0),
		.steps = { { XS_WRITE, own, "some value" }, { XS_READ, own } }, .step_count = 2,
	};
	clients[3] = (struct client){
		.name = "dom0 transaction", .is_transaction = 1, .fd = connect_to(path),
		.steps = { { XS_TRANSACTION_START, "" }, { XS_READ, shared }, { XS_WRITE, shared, "dom0" },
			   { XS_TRANSACTION_END, "T" } },
		.step_count = 4,
	};
	struct sched_param priority = { .sched_priority = PRIORITY };
	if (sched_setscheduler(0, SCHED_FIFO, &priority))
		fputs("quiet: no right to a real-time priority\n", stderr);
	int64_t late = 0;
	do {
		for (int i = 0; i < CLIENTS; i++)
			step(&clients[i]);
	} while (!wait_for_more(&late));
	finish();
	print_all(late);
	return 0;
}
