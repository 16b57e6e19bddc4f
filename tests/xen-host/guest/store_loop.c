// A Xenstore client that checks what it is told: `store_loop DEVICE HOME`, until SIGTERM.
//
// DEVICE is a Unix socket, or a kernel's device for its own ring. In rounds it counts a node on,
// changes nodes in transactions, makes and removes nodes, and waits for the event of each of its
// writes. Any answer but the right one is a fault; EAGAIN makes it do a transaction again, as it
// must. What dom0 wants to know of it stands in nodes of HOME:
//
//   rounds    how many it has done
//   again     how many transactions it had to do again
//   longest   the longest wait for an answer or event, ms, since `mark` was written;
//             `since` then says what was written there
//   fault     what was wrong; it then ends with status 1
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

// Message types: xen/include/public/io/xs_wire.h.
enum { DIRECTORY = 1, READ = 2, WATCH = 4, TA_START = 6, TA_END, WRITE = 11, MKDIR, RM,
	EVENT = 15, ERROR };
enum { PAYLOAD_MAX = 4096, PATH_MAX_LENGTH = 256, SLOTS = 16 };
// Longer than a daemon may be away, s: without it a lost answer would let the loop hang, unsaid.
#define PATIENCE 100
// Between rounds, us: the one processor is also for the others.
#define REST 100000

struct message { uint32_t type, id, transaction, length; char payload[PAYLOAD_MAX + 1]; };
#define HEAD 16

static int fd;
static const char *home;
static volatile sig_atomic_t stopping;
static uint32_t last_id;
static struct message answer;
static int slot_fired[SLOTS];
static int longest_told = -1, longest, marked;
static unsigned rounds, agains;

static const char *node(const char *format, ...) __attribute__((format(printf, 1, 2)));

// A path in HOME; it lasts until the next one.
static const char *node(const char *format, ...)
{
	static char path[PATH_MAX_LENGTH];
	va_list rest;
	int length = snprintf(path, sizeof(path), "%s/", home);

	va_start(rest, format);
	vsnprintf(path + length, sizeof(path) - length, format, rest);
	va_end(rest);
	return path;
}

static void fault(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static void waited(double since)
{
	int ms = now_ms() - since;

	if (ms > longest)
		longest = ms;
}

static void get(void *buffer, size_t size)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };
	ssize_t done;

	for (char *to = buffer; size > 0; to += done, size -= done) {
		int ready;

		do
			ready = poll(&one, 1, PATIENCE * 1000);
		while (ready < 0 && errno == EINTR);
		if (ready == 0)
			fault("no answer for %d s", PATIENCE);
		done = read(fd, to, size);
		if (done < 0 && errno == EINTR)
			done = 0;
		else if (done <= 0)
			fault("reading: %s", done < 0 ? strerror(errno) : "hung up");
	}
}

static void note_event(void)
{
	const char *path = answer.payload, *token = path + strlen(path) + 1;
	const char *slot = strrchr(path, '/');

	if (!strcmp(token, "mark")) {
		marked = 1;
	} else if (strcmp(token, "own")) {
		fault("an event with the token '%s'", token);
	} else if (slot && slot[1] >= '0' && slot[1] <= '9') {
		slot_fired[atoi(slot + 1) % SLOTS] = 1;
	}
}

// Takes the next message into `answer`; true if it is an event, which is then noted.
static int take(void)
{
	get(&answer, HEAD);
	if (answer.length > PAYLOAD_MAX)
		fault("a message of %u bytes", answer.length);
	get(answer.payload, answer.length);
	answer.payload[answer.length] = 0;
	if (answer.type != EVENT)
		return 0;
	note_event();
	return 1;
}

static void send_request(uint32_t type, uint32_t transaction, const char *payload, size_t length)
{
	static struct message request;

	request.type = type;
	request.id = ++last_id;
	request.transaction = transaction;
	request.length = length;
	memcpy(request.payload, payload, length);
	// At once: a kernel's device takes one message with one write.
	if (write(fd, &request, HEAD + length) != (ssize_t)(HEAD + length))
		fault("writing: %s", strerror(errno));
}

// Makes a request and waits for its reply, which is then in `answer`. Returns false for EAGAIN;
// every other error is a fault.
static int ask_bytes(uint32_t type, uint32_t transaction, const char *payload, size_t length)
{
	double since = now_ms();

	send_request(type, transaction, payload, length);
	while (take())
		;
	waited(since);
	if (answer.id != last_id || answer.transaction != transaction)
		fault("a reply to request %u of transaction %u, not to %u of %u", answer.id,
		      answer.transaction, last_id, transaction);
	if (answer.type == ERROR && !strcmp(answer.payload, "EAGAIN"))
		return 0;
	if (answer.type != type)
		fault("request %u for '%s' in transaction %u: %s", type, payload, transaction,
		      answer.type == ERROR ? answer.payload : "a reply of another type");
	return 1;
}

static int ask(uint32_t type, uint32_t transaction, const char *text)
{
	return ask_bytes(type, transaction, text, strlen(text) + 1);
}

static int put(uint32_t transaction, const char *path, unsigned value)
{
	char payload[PATH_MAX_LENGTH + 16];
	size_t length = strlen(path) + 1;

	strcpy(payload, path);
	length += sprintf(payload + length, "%u", value);
	return ask_bytes(WRITE, transaction, payload, length);
}

// Outside of transactions nothing may be refused.
static void must(int done)
{
	if (!done)
		fault("EAGAIN without a transaction");
}

static void must_read(const char *path, unsigned wanted)
{
	must(ask(READ, 0, path));
	if (strtoul(answer.payload, NULL, 10) != wanted || answer.length == 0)
		fault("%s is '%s', not %u", path, answer.payload, wanted);
}

static void watch(const char *name, const char *token)
{
	char payload[PATH_MAX_LENGTH + 16];
	int length = sprintf(payload, "%s", node("%s", name)) + 1;

	length += sprintf(payload + length, "%s", token) + 1;
	must(ask_bytes(WATCH, 0, payload, length));
}

static void count_on(void)
{
	unsigned slot = rounds % SLOTS;
	double since;

	must_read(node("rounds"), rounds);
	rounds++;
	must(put(0, node("rounds"), rounds));
	must_read(node("rounds"), rounds);
	slot_fired[slot] = 0;
	since = now_ms();
	must(put(0, node("w/%u", slot), rounds));
	while (!slot_fired[slot])
		if (!take())
			fault("a reply that nobody waits for, of type %u", answer.type);
	waited(since);
}

// Counts two nodes from `count` on in one transaction. Returns false for EAGAIN.
static int try_transaction(unsigned count)
{
	uint32_t transaction;
	int done;

	must(ask(TA_START, 0, ""));
	transaction = strtoul(answer.payload, NULL, 10);
	done = ask(READ, transaction, node("one"));
	if (done && strtoul(answer.payload, NULL, 10) != count)
		fault("one is '%s' in a transaction, not %u", answer.payload, count);
	done = done && put(transaction, node("one"), count + 1) &&
		put(transaction, node("two"), count + 1) && ask(READ, transaction, node("one"));
	if (done && strtoul(answer.payload, NULL, 10) != count + 1)
		fault("one is '%s', not what the transaction wrote, %u", answer.payload, count + 1);
	if (done)
		return ask(TA_END, transaction, "T");
	must(ask(TA_END, transaction, "F"));
	return 0;
}

static void count_in_transaction(void)
{
	static unsigned count;

	while (!try_transaction(count)) {
		agains++;
		must_read(node("one"), count);
		must(put(0, node("again"), agains));
	}
	count++;
	must_read(node("one"), count);
	must_read(node("two"), count);
}

static void make_and_remove(void)
{
	char name[16];

	sprintf(name, "%u", rounds);
	must(ask(MKDIR, 0, node("made/%s", name)));
	must(ask(DIRECTORY, 0, node("made")));
	if (strcmp(answer.payload, name) || answer.length != strlen(name) + 1)
		fault("made holds '%s' in %u bytes, not '%s'", answer.payload, answer.length, name);
	must(ask(RM, 0, node("made/%s", name)));
}

// Counts the longest wait anew, and says since when.
static void begin_at_mark(void)
{
	char payload[PATH_MAX_LENGTH * 2];
	int length;

	marked = 0;
	must(ask(READ, 0, node("mark")));
	length = sprintf(payload, "%s", node("since")) + 1;
	length += snprintf(payload + length, PATH_MAX_LENGTH, "%s", answer.payload);
	must(ask_bytes(WRITE, 0, payload, length));
	longest = 0;
	longest_told = -1;
}

static int open_store(const char *device)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat kind;
	int opened;

	if (stat(device, &kind))
		return -1;
	if (!S_ISSOCK(kind.st_mode))
		return open(device, O_RDWR);
	strncpy(address.sun_path, device, sizeof(address.sun_path) - 1);
	opened = socket(AF_UNIX, SOCK_STREAM, 0);
	return connect(opened, (struct sockaddr *)&address, sizeof(address)) ? -1 : opened;
}

static void fault(const char *format, ...)
{
	static int already;
	char text[PATH_MAX_LENGTH * 2], payload[PATH_MAX_LENGTH * 3];
	va_list rest;
	size_t length;

	va_start(rest, format);
	vsnprintf(text, sizeof(text), format, rest);
	va_end(rest);
	printf("[loop] fault in round %u: %s\n", rounds, text);
	fflush(stdout);
	length = sprintf(payload, "%s", node("fault")) + 1;
	length += sprintf(payload + length, "%s", text);
	// What can't be told to the store any more is on the console all the same.
	if (!already++)
		ask_bytes(WRITE, 0, payload, length);
	exit(1);
}

static void stop(int signal)
{
	(void)signal;
	stopping = 1;
}

int main(int count, char **args)
{
	home = count == 3 ? args[2] : "";
	fd = count == 3 ? open_store(args[1]) : -1;
	if (fd < 0) {
		fprintf(stderr, "store_loop: %s\n", count == 3 ? strerror(errno) : "DEVICE HOME");
		return 2;
	}
	signal(SIGTERM, stop);
	must(put(0, node("rounds"), 0));
	must(put(0, node("again"), 0));
	must(put(0, node("one"), 0));
	must(put(0, node("mark"), 0));
	must(ask(MKDIR, 0, node("made")));
	must(ask(MKDIR, 0, node("w")));
	watch("w", "own");
	watch("mark", "mark");
	while (!stopping) {
		if (marked)
			begin_at_mark();
		count_on();
		if (rounds % 2 == 0)
			count_in_transaction();
		if (rounds % 4 == 1)
			make_and_remove();
		if (longest > longest_told) {
			longest_told = longest;
			must(put(0, node("longest"), longest_told));
		}
		usleep(REST);
	}
	printf("[loop] %u rounds, %u transactions again\n", rounds, agains);
	return 0;
}
