/* A minimal LLM server that knows when it wrote each chunk.
 *
 * One thread, epoll, HTTP/1.1 on 127.0.0.1. It answers
 *
 *   POST (any path)   "stream": true in the body: an event stream; else one JSON document
 *   GET  /stats       {"requests", "finished", "chunks", "open", "first"}: counters, and the time of the first request
 *   GET  .../models   a list of one model; any other GET: {}
 *
 * Token k of a stream is due at received + ttft + k * itl: an absolute time, so lateness does not add up. A table of
 * int64, one row per POST, is kept in memory and written to --log on SIGTERM:
 *
 *   received, kind (1 stream, 0 document), chunks written, then the time of each write (0: not written)
 *
 * Times are CLOCK_MONOTONIC ns: "received" when the whole request had been read, a chunk's just before send().
 *
 * cc -O2 -o server server.c && ./server --port 0 --ttft 100 --spread 20 --itl 20 --tokens 100 --log stamps.bin
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000L
#define FIELDS 3 /* received, kind, chunks; then the stamps */

struct conn {
    int fd;            /* -1: the client has gone */
    int due;           /* its place in the heap is taken */
    int usage;         /* it asked for usage in the stream */
    long row;          /* of the answer under way, -1: none */
    char *in, *held;   /* bytes of the next request; bytes the socket did not take */
    size_t have, room, holding;
};

struct alarm { int64_t at; struct conn *conn; };

static int64_t ttft = 100 * MS, spread, itl = 20 * MS;
static long tokens = 100, port;
static const char *log_path;
static int64_t *rows;
static long count, capacity, finished, chunks, open_now;
static struct alarm *heap;
static size_t heap_size, heap_room;
static int poller, timer, signals, listener;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void *grown(void *block, size_t size) {
    void *made = realloc(block, size);
    if (!made) { perror("server"); exit(1); }
    return made;
}

static int64_t *row_of(long number) { return rows + number * (FIELDS + tokens); }

/* A heap of what is due, the earliest first. */

static void heap_add(int64_t at, struct conn *conn) {
    if (heap_size == heap_room) heap = grown(heap, (heap_room = 2 * heap_room + 64) * sizeof *heap);
    size_t place = heap_size++;
    for (; place && heap[(place - 1) / 2].at > at; place = (place - 1) / 2) heap[place] = heap[(place - 1) / 2];
    heap[place] = (struct alarm){at, conn};
    conn->due = 1;
}

static struct conn *heap_take(void) {
    struct conn *first = heap[0].conn;
    struct alarm last = heap[--heap_size];
    size_t place = 0, child;
    while ((child = 2 * place + 1) < heap_size) {
        if (child + 1 < heap_size && heap[child + 1].at < heap[child].at) child++;
        if (heap[child].at >= last.at) break;
        heap[place] = heap[child];
        place = child;
    }
    heap[place] = last;
    first->due = 0;
    return first;
}

/* Connections. */

static void forget(struct conn *conn) {
    if (conn->due || conn->fd >= 0) return; /* the heap still knows it */
    free(conn->in), free(conn->held), free(conn);
}

static void hang_up(struct conn *conn) {
    if (conn->fd < 0) return;
    close(conn->fd);
    conn->fd = -1;
    if (conn->row >= 0) open_now--;
}

static void watch(struct conn *conn, int operation, uint32_t events) {
    struct epoll_event event = {events, {.ptr = conn}};
    epoll_ctl(poller, operation, conn->fd, &event);
}

static void put(struct conn *conn, const char *data, size_t size) {
    if (conn->fd < 0) return;
    ssize_t sent = conn->holding ? 0 : send(conn->fd, data, size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) { hang_up(conn); return; }
    if (sent < 0) sent = 0;
    if ((size_t)sent == size) return;
    if (!conn->holding) watch(conn, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    conn->held = grown(conn->held, conn->holding + size - sent);
    memcpy(conn->held + conn->holding, data + sent, size - sent);
    conn->holding += size - sent;
}

static void put_rest(struct conn *conn) {
    ssize_t sent = send(conn->fd, conn->held, conn->holding, MSG_NOSIGNAL);
    if (sent < 0) { if (errno != EAGAIN) hang_up(conn), forget(conn); return; }
    memmove(conn->held, conn->held + sent, conn->holding -= sent);
    if (!conn->holding) watch(conn, EPOLL_CTL_MOD, EPOLLIN);
}

static void put_document(struct conn *conn, const char *body) {
    char text[4096];
    int size = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                        "content-length: %zu\r\n\r\n%s", strlen(body), body);
    put(conn, text, size);
}

/* One event in a chunk of its own; returns its size. */
static int framed(char *out, const char *event) { return sprintf(out, "%zx\r\n%s\r\n", strlen(event), event); }

static int event_of(char *out, long row, const char *delta, const char *finish) {
    char event[512];
    snprintf(event, sizeof event, "data: {\"id\":\"chatcmpl-%08lx\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
             "\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":{%s},\"logprobs\":null,\"finish_reason\":%s}]}\n\n",
             row, delta, finish);
    return framed(out, event);
}

/* Answers. */

static void begin_stream(struct conn *conn) {
    char text[2048];
    int size = sprintf(text, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
                       "transfer-encoding: chunked\r\n\r\n");
    size += event_of(text + size, conn->row, "\"role\":\"assistant\",\"content\":\"\"", "null");
    put(conn, text, size);
}

static void end_stream(struct conn *conn) {
    char text[2048], usage[512];
    int size = event_of(text, conn->row, "", "\"stop\"");
    if (conn->usage) {
        snprintf(usage, sizeof usage, "data: {\"id\":\"chatcmpl-%08lx\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
                 "\"model\":\"bench\",\"choices\":[],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":%ld,"
                 "\"total_tokens\":%ld}}\n\n", conn->row, tokens, tokens + 20);
        size += framed(text + size, usage);
    }
    size += framed(text + size, "data: [DONE]\n\n");
    size += sprintf(text + size, "0\r\n\r\n");
    put(conn, text, size);
}

static void whole_answer(struct conn *conn) {
    char body[1024];
    snprintf(body, sizeof body, "{\"id\":\"chatcmpl-%08lx\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"bench\","
             "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"All is well, as far as can be seen.\"},"
             "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":%ld,"
             "\"total_tokens\":%ld}}", conn->row, tokens, tokens + 20);
    put_document(conn, body);
}

static void token(struct conn *conn) {
    static const char *words[] = {" the", " load", " of", " a", " day", " is", " what", " it", " takes", " to", " say", " so"};
    char delta[64], text[600];
    int64_t *row = row_of(conn->row);
    sprintf(delta, "\"content\":\"%s\"", words[(conn->row + row[2]) % 12]);
    int size = event_of(text, conn->row, delta, "null");
    row[FIELDS + row[2]++] = now();
    chunks++;
    put(conn, text, size);
}

static void over(struct conn *conn) {
    finished++;
    open_now--;
    conn->row = -1;
}

/* What is due for this connection; sets the time of what comes after it. */
static void advance(struct conn *conn) {
    if (conn->fd < 0 || conn->row < 0) { forget(conn); return; }
    int64_t *row = row_of(conn->row), first = row[0] + ttft + (spread ? conn->row * 7919 * MS / 100 % spread : 0);
    if (!row[1]) {
        row[FIELDS] = now();
        row[2] = 1;
        whole_answer(conn);
        over(conn);
    } else {
        token(conn);
        if (row[2] < tokens) heap_add(first + row[2] * itl, conn);
        else if (conn->fd >= 0) { end_stream(conn); over(conn); }
    }
    forget(conn);
}

static void post(struct conn *conn, const char *body, size_t size) {
    if (count == capacity) rows = grown(rows, (capacity = 2 * capacity + 1024) * (FIELDS + tokens) * sizeof *rows);
    conn->row = count++;
    open_now++;
    int64_t *row = row_of(conn->row);
    memset(row, 0, (FIELDS + tokens) * sizeof *row);
    row[0] = now();
    row[1] = memmem(body, size, "\"stream\":true", 13) || memmem(body, size, "\"stream\": true", 14);
    conn->usage = memmem(body, size, "include_usage", 13) != NULL;
    if (row[1]) begin_stream(conn);
    if (!row[1] && !ttft) { conn->due = 1; advance(conn); conn->due = 0; return; }
    heap_add(row[0] + ttft + (spread ? conn->row * 7919 * MS / 100 % spread : 0), conn);
}

static void get(struct conn *conn, const char *path) {
    char text[256] = "{}";
    size_t length = strcspn(path, " ?");
    if (!strncmp(path, "/stats ", 7))
        sprintf(text, "{\"requests\":%ld,\"finished\":%ld,\"chunks\":%ld,\"open\":%ld,\"first\":%ld}", count, finished,
                chunks, open_now, count ? (long)row_of(0)[0] : 0L);
    else if (length >= 7 && !memcmp(path + length - 7, "/models", 7))
        strcpy(text, "{\"object\":\"list\",\"data\":[{\"id\":\"bench\",\"object\":\"model\",\"owned_by\":\"bench\"}]}");
    put_document(conn, text);
}

/* Takes one request off what was read; 0 when it is not complete. */
static int request(struct conn *conn) {
    char *end = memmem(conn->in, conn->have, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head = end + 4 - conn->in, body = 0;
    *end = 0;
    char *length = strcasestr(conn->in, "\r\ncontent-length:");
    if (length) body = strtoul(length + 17, NULL, 10);
    if (conn->have < head + body) { *end = '\r'; return 0; }
    if (!strncmp(conn->in, "POST ", 5)) post(conn, conn->in + head, body);
    else get(conn, conn->in + strcspn(conn->in, " ") + 1);
    conn->have -= head + body;
    memmove(conn->in, conn->in + head + body, conn->have);
    return 1;
}

static void readable(struct conn *conn) {
    for (;;) {
        if (conn->have == conn->room) conn->in = grown(conn->in, conn->room = 2 * conn->room + 4096);
        ssize_t got = recv(conn->fd, conn->in + conn->have, conn->room - conn->have, 0);
        if (got < 0 && errno == EAGAIN) break;
        if (got <= 0) { hang_up(conn); forget(conn); return; }
        int full = conn->have + got == conn->room;
        conn->have += got;
        if (!full) break;
    }
    while (conn->fd >= 0 && conn->row < 0 && request(conn)) {}
    forget(conn);
}

static void welcome(void) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct conn *conn = grown(NULL, sizeof *conn);
        *conn = (struct conn){.fd = fd, .row = -1};
        watch(conn, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static void fire(void) {
    while (heap_size && heap[0].at <= now()) advance(heap_take());
    if (!heap_size) return;
    struct itimerspec when = {.it_value = {heap[0].at / 1000000000L, heap[0].at % 1000000000L}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static int leave(void) {
    FILE *file = log_path ? fopen(log_path, "wb") : NULL;
    if (log_path && (!file || fwrite(rows, (FIELDS + tokens) * sizeof *rows, count, file) != (size_t)count || fclose(file)))
        return perror(log_path), 1;
    return 0;
}

static void set_up(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int on = 1;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (void *)&address, size) || listen(listener, 65535)) { perror("server"); exit(1); }
    getsockname(listener, (void *)&address, &size);
    sigset_t ends;
    sigemptyset(&ends), sigaddset(&ends, SIGTERM), sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    signals = signalfd(-1, &ends, SFD_CLOEXEC);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    poller = epoll_create1(EPOLL_CLOEXEC);
    int *known[] = {&listener, &timer, &signals};
    for (int n = 0; n < 3; n++) {
        struct epoll_event event = {EPOLLIN, {.ptr = known[n]}};
        epoll_ctl(poller, EPOLL_CTL_ADD, *known[n], &event);
    }
    printf("listening %d\n", ntohs(address.sin_port));
    fflush(stdout);
}

int main(int argc, char **argv) {
    for (int n = 1; n + 1 < argc; n += 2) {
        char *name = argv[n], *value = argv[n + 1];
        if (!strcmp(name, "--port")) port = atol(value);
        else if (!strcmp(name, "--ttft")) ttft = atof(value) * MS;
        else if (!strcmp(name, "--spread")) spread = atof(value) * MS;
        else if (!strcmp(name, "--itl")) itl = atof(value) * MS;
        else if (!strcmp(name, "--tokens")) tokens = atol(value);
        else if (!strcmp(name, "--log")) log_path = value;
        else { fprintf(stderr, "server: what is %s?\n", name); return 2; }
    }
    set_up();
    for (;;) {
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, -1);
        for (int n = 0; n < ready; n++) {
            void *source = events[n].data.ptr;
            uint64_t expired;
            if (source == &signals) return leave();
            if (source == &listener) welcome();
            else if (source == &timer) (void)!read(timer, &expired, sizeof expired);
            else if (events[n].events & EPOLLOUT) put_rest(source);
            else readable(source);
        }
        fire();
    }
}
