/*
 * Loads a Xenstore daemon: some connections, one outstanding request each, a fixed number of
 * operations, and prints operations/s with the 50th and 99th percentile of an operation's time.
 *
 *     load SOCKET OPERATION CONNECTIONS OPERATIONS
 *
 * OPERATION is one of those in `operations` below. It does so little for a message that the daemon,
 * on a core of its own, is what takes the time.
 */
#define _GNU_SOURCE
#define PROGRAM "load"
#include <sys/epoll.h>
#include <unistd.h>
#include "client.h"

enum { CHILDREN = 10, STEPS_MAX = 4, CONNECTIONS_MAX = 256 };

struct step { uint32_t type; const char *suffix; const char *value; };
static const struct operation { const char *name; struct step steps[STEPS_MAX]; } operations[] = {
	{ "read", { { XS_READ, "/value" } } },
	{ "write", { { XS_WRITE, "/value", "some value of some length" } } },
	{ "directory", { { XS_DIRECTORY, "" } } },
	{ "mkdir+rm", { { XS_MKDIR, "/new" }, { XS_RM, "/new" } } },
	{ "transaction", { { XS_TRANSACTION_START }, { XS_WRITE, "/value", "another value" },
			   { XS_TRANSACTION_END } } },
};

struct connection {
	int fd;
	unsigned index, step;
	uint32_t transaction;
	size_t received;
	struct message reply;
	int64_t started;
};

static const struct operation *operation;
static unsigned long retries;

/* One request fits the socket's buffer, as the reply to the one before has been read. */
static void send_step(struct connection *connection, const struct step *step)
{
	struct message message = { { step->type, 0, connection->transaction, 0 }, "" };
	size_t length = 1;
	if (step->type == XS_TRANSACTION_END) {
		strcpy(message.payload, "T");
		length = 2;
	} else if (step->type != XS_TRANSACTION_START) {
		length = 1 + sprintf(message.payload, "/bench/%u%s", connection->index,
				     step->suffix);
		if (step->value)
			length += sprintf(message.payload + length, "%s", step->value);
	}
	message.header.length = length;
	ssize_t size = sizeof message.header + length;
	if (send(connection->fd, &message, size, MSG_NOSIGNAL) != size)
		die("send: %s", strerror(errno));
}

/* Takes what is there; returns 1 when the reply is whole. */
static int receive(struct connection *connection, int flags)
{
	char *start = (char *)&connection->reply;
	ssize_t size = recv(connection->fd, start + connection->received,
			    sizeof connection->reply - connection->received, flags);
	if (size <= 0) {
		if (size < 0 && errno == EAGAIN)
			return 0;
		die("recv: %s", size == 0 ? "the daemon hung up" : strerror(errno));
	}
	connection->received += size;
	return connection->received >= sizeof(struct header) &&
	       connection->received >= sizeof(struct header) + connection->reply.header.length;
}

/* Looks at a whole reply; returns whether the operation has ended with it. */
static int take_reply(struct connection *connection)
{
	const struct header *header = &connection->reply.header;
	const char *payload = connection->reply.payload;
	uint32_t type = operation->steps[connection->step].type;
	int conflict = header->type == XS_ERROR && type == XS_TRANSACTION_END &&
		       !strcmp(payload, "EAGAIN");
	connection->received = 0;
	if (header->type != type && !conflict)
		die("%s: message type %u answered with %.*s", operation->name, type,
		    (int)header->length, payload);
	if (type == XS_TRANSACTION_START)
		connection->transaction = strtoul(payload, NULL, 10);
	if (type == XS_TRANSACTION_END)
		connection->transaction = 0;
	if (conflict) {
		retries++;
		connection->step = 0;
		return 0;
	}
	connection->step++;
	if (connection->step < STEPS_MAX && operation->steps[connection->step].type)
		return 0;
	connection->step = 0;
	return 1;
}

static void ask(struct connection *connection, struct step step)
{
	send_step(connection, &step);
	while (!receive(connection, 0))
		;
	connection->received = 0;
	if (connection->reply.header.type != step.type)
		die("set-up: message type %u answered with %s", step.type,
		    connection->reply.payload);
}

static void prepare(struct connection *connection)
{
	char suffix[32];
	ask(connection, (struct step){ XS_WRITE, "/value", "some value of some length" });
	for (int i = 1; i < CHILDREN; i++) {
		sprintf(suffix, "/child%d", i);
		ask(connection, (struct step){ XS_WRITE, suffix, "" });
	}
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static void start(struct connection *connection)
{
	connection->started = now_ns();
	send_step(connection, operation->steps);
}

static void run(struct connection *connections, unsigned count, unsigned long total)
{
	uint32_t *times = malloc(total * sizeof *times);
	unsigned long begun = 0, done = 0;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!times || epoll < 0)
		die("%s", strerror(errno));
	for (unsigned i = 0; i < count; i++) {
		struct epoll_event event = { EPOLLIN, { .ptr = &connections[i] } };
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &event))
			die("epoll_ctl: %s", strerror(errno));
	}
	int64_t began = now_ns();
	for (unsigned i = 0; i < count && begun < total; i++, begun++)
		start(&connections[i]);
	while (done < total) {
		struct epoll_event events[CONNECTIONS_MAX];
		int ready = epoll_wait(epoll, events, CONNECTIONS_MAX, -1);
		for (int i = 0; i < ready; i++) {
			struct connection *connection = events[i].data.ptr;
			if (!receive(connection, MSG_DONTWAIT))
				continue;
			if (!take_reply(connection)) {
				send_step(connection, &operation->steps[connection->step]);
				continue;
			}
			times[done++] = now_ns() - connection->started;
			if (begun < total) {
				begun++;
				start(connection);
			}
		}
	}
	double seconds = (now_ns() - began) / 1e9;
	qsort(times, total, sizeof *times, compare);
	printf("%.0f %.1f %.1f %lu\n", total / seconds, times[total / 2] / 1e3,
	       times[total * 99 / 100] / 1e3, retries);
	free(times);
}

int main(int argc, char **argv)
{
	static struct connection connections[CONNECTIONS_MAX];
	if (argc != 5)
		die("usage: load SOCKET OPERATION CONNECTIONS OPERATIONS");
	for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
		if (!strcmp(argv[2], operations[i].name))
			operation = &operations[i];
	unsigned count = atoi(argv[3]);
	unsigned long total = strtoul(argv[4], NULL, 10);
	if (!operation || count < 1 || count > CONNECTIONS_MAX || total < 1)
		die("no such operation, or a number out of range");
	for (unsigned i = 0; i < count; i++) {
		connections[i].index = i;
		connections[i].fd = connect_to(argv[1]);
		prepare(&connections[i]);
	}
	run(connections, count, total);
}
