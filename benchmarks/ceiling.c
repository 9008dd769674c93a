/* The ceiling: what reading streams costs when nothing is done with them but counting chunks and stamping reads.
 *
 * One thread, epoll, one read() per wake-up. Open loop: --rate streams a second at absolute times, for --duration
 * seconds, each on an idle connection or a new one. Closed loop: --users, each asking again when answered, not streaming.
 * Content chunks are found by searching for "content":" followed by something; nothing is parsed.
 *
 * Prints one line of JSON: calls, whole (of which every byte came), chunks, and in milliseconds [p50, p99, max] of
 * "ttft" (from the planned time), "gap" (between chunks), "latency" (of whole answers).
 *
 * cc -O2 -o ceiling ceiling.c && ./ceiling --port 8000 --rate 480 --duration 10
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define S 1000000000L
#define READ 65536
#define KEPT 63            /* bytes of the last read that a pattern may have begun in */
#define MICROS 4000000     /* the longest time that is told apart */

struct conn {
    int fd, ready;
    int64_t planned, last; /* last: when content was last read, 0 before that */
    size_t kept;
    char tail[KEPT];
    struct conn *next;     /* of those idle */
};

static const char CONTENT[] = "\"content\":\"", DONE[] = "data: [DONE]", END[] = "0\r\n\r\n", LENGTH[] = "content-length: ";
static char request[4096];
static size_t request_size;
static long port, users, rate = 100, calls, whole, chunks, under_way;
static double duration = 5;
static uint32_t *ttft, *gap, *latency;
static struct conn *idle;
static int poller, timer;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * S + t.tv_nsec;
}

static void count_in(uint32_t *times, int64_t ns) {
    int64_t micros = ns < 0 ? 0 : ns / 1000;
    times[micros < MICROS ? micros : MICROS - 1]++;
}

static void print_times(const char *name, const uint32_t *times) {
    double ranks[] = {0.50, 0.99, 1.0}, found[3] = {0, 0, 0};
    long total = 0, seen = 0;
    for (long n = 0; n < MICROS; n++) total += times[n];
    for (long n = 0, r = 0; n < MICROS && r < 3; n++)
        for (seen += times[n]; total && r < 3 && seen >= ranks[r] * total; r++) found[r] = n / 1e3;
    printf(",\"%s\":[%.3f,%.3f,%.3f]", name, found[0], found[1], found[2]);
}

static void send_request(struct conn *conn) {
    if (send(conn->fd, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size) perror("ceiling: send");
}

static struct conn *dial(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct conn *conn = calloc(1, sizeof *conn);
    int on = 1;
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->fd < 0 || (connect(conn->fd, (void *)&address, sizeof address) && errno != EINPROGRESS)) {
        perror("ceiling: connect");
        exit(1);
    }
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {EPOLLOUT, {.ptr = conn}};
    epoll_ctl(poller, EPOLL_CTL_ADD, conn->fd, &event);
    return conn;
}

static void start(int64_t planned) {
    struct conn *conn = idle;
    calls++, under_way++;
    if (conn) idle = conn->next;
    else conn = dial();
    conn->planned = planned;
    conn->last = 0;
    conn->kept = 0;
    if (conn->ready) send_request(conn);
}

static void connected(struct conn *conn) {
    struct epoll_event event = {EPOLLIN, {.ptr = conn}};
    epoll_ctl(poller, EPOLL_CTL_MOD, conn->fd, &event);
    conn->ready = 1;
    send_request(conn);
}

static void ended(struct conn *conn) {
    whole++, under_way--;
    conn->next = idle;
    idle = conn;
}

static void read_stream(struct conn *conn, char *data, size_t size, int64_t t) {
    const char *stop = data + size, *at = data;
    while ((at = memmem(at, stop - at, CONTENT, sizeof CONTENT - 1))) {
        at += sizeof CONTENT - 1;
        if (at == stop) { at -= sizeof CONTENT - 1; break; } /* the next read says whether it is empty */
        if (*at == '"') continue;
        chunks++;
        count_in(conn->last ? gap : ttft, t - (conn->last ? conn->last : conn->planned));
        conn->last = t;
    }
    /* A pattern is counted in the read that completes it: what is kept must be shorter than it. */
    size_t most = at ? (size_t)(stop - at) : sizeof CONTENT - 2;
    const char *done = memmem(data, size, DONE, sizeof DONE - 1);
    if (done && memmem(done, stop - done, END, sizeof END - 1)) { ended(conn); return; }
    if (done) most = stop - done;
    conn->kept = size < most ? size : most;
    memcpy(conn->tail, stop - conn->kept, conn->kept);
}

static void read_document(struct conn *conn, char *data, size_t size, int64_t t, int64_t over) {
    char *body = memmem(data, size, "\r\n\r\n", 4), *length = memmem(data, size, LENGTH, sizeof LENGTH - 1);
    if (!body || !length || data + size < body + 4 + atol(length + sizeof LENGTH - 1)) {
        fprintf(stderr, "ceiling: a document in more than one read\n");
        exit(1);
    }
    count_in(latency, t - conn->planned);
    ended(conn);
    if (t < over) start(now());
}

static void readable(struct conn *conn, int64_t over) {
    static char buffer[KEPT + READ];
    memcpy(buffer, conn->tail, conn->kept);
    ssize_t got = read(conn->fd, buffer + conn->kept, READ);
    int64_t t = now();
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        fprintf(stderr, "ceiling: a connection was closed\n");
        close(conn->fd);
        under_way--;
    } else if (users) read_document(conn, buffer, got, t, over);
    else read_stream(conn, buffer, got + conn->kept, t);
}

static void set_timer(int64_t at) {
    struct itimerspec when = {.it_value = {at / S, at % S}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void set_up(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    const char *body = users ? "{\"model\":\"bench\",\"messages\":[{\"role\":\"user\",\"content\":\"How are you today?\"}]}"
        : "{\"model\":\"bench\",\"messages\":[{\"role\":\"user\",\"content\":\"How are you today?\"}],\"stream\":true}";
    request_size = sprintf(request, "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:%ld\r\n"
                           "content-type: application/json\r\ncontent-length: %zu\r\n\r\n%s", port, strlen(body), body);
    ttft = calloc(MICROS, sizeof *ttft), gap = calloc(MICROS, sizeof *gap), latency = calloc(MICROS, sizeof *latency);
    poller = epoll_create1(EPOLL_CLOEXEC);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event event = {EPOLLIN, {.ptr = &timer}};
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &event);
}

int main(int argc, char **argv) {
    for (int n = 1; n + 1 < argc; n += 2) {
        if (!strcmp(argv[n], "--port")) port = atol(argv[n + 1]);
        else if (!strcmp(argv[n], "--rate")) rate = atol(argv[n + 1]);
        else if (!strcmp(argv[n], "--users")) users = atol(argv[n + 1]);
        else if (!strcmp(argv[n], "--duration")) duration = atof(argv[n + 1]);
        else { fprintf(stderr, "ceiling: what is %s?\n", argv[n]); return 2; }
    }
    set_up();
    int64_t begun = now() + S / 10, over = begun + (int64_t)(duration * S), step = S / rate;
    long planned = users ? users : (long)(rate * duration), next = 0;
    set_timer(begun);
    while (next < planned || under_way) {
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, 30000);
        if (!ready) { fprintf(stderr, "ceiling: nothing for 30 s\n"); break; }
        for (int n = 0; n < ready; n++) {
            uint64_t expired;
            if (events[n].data.ptr == &timer) (void)!read(timer, &expired, sizeof expired);
            else if (events[n].events & EPOLLOUT) connected(events[n].data.ptr);
            else readable(events[n].data.ptr, over);
        }
        for (int64_t at = begun + next * step; next < planned && (users || at <= now()); at = begun + next * step) {
            start(users ? now() : at);
            next++;
        }
        if (next < planned) set_timer(begun + next * step);
    }
    printf("{\"calls\":%ld,\"whole\":%ld,\"chunks\":%ld", calls, whole, chunks);
    print_times("ttft", ttft), print_times("gap", gap), print_times("latency", latency);
    printf("}\n");
    return 0;
}
