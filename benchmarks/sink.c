/* An SMTP server that takes everything and keeps nothing, faster than anybody sends.

   sink: listens on a free port of the loopback device and prints it. XCOUNT answers
   with how many mails were taken. One thread, epoll.

   It does not read mails. A client may not write a mail before the 354 that lets it,
   so behind a mail's end stands no more than the next one's envelope: only the end of
   what came in can hold the dot. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCK = 1 << 18, ENVELOPE = 4096, LINE = 1024, ANSWER = 8192, EVENTS = 256 };

static const char DOT[] = "\r\n.\r\n";
enum { DOT_LENGTH = 5, TAIL = DOT_LENGTH - 1 };

struct line {
    int socket, in_mail, leaving, closing;
    size_t tail_length, length;
    char tail[TAIL], text[LINE];
};

static char room[TAIL + BLOCK];
static long mails;

static void answer(struct line *line, char *answers) {
    const char *said = line->text;
    if (!strncasecmp(said, "EHLO", 4))
        strcat(answers, "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
                        "250 SIZE 50000000\r\n");
    else if (!strncasecmp(said, "DATA", 4)) {
        strcat(answers, "354 End data with <CR><LF>.<CR><LF>\r\n");
        line->in_mail = 1;
        memcpy(line->tail, DOT, line->tail_length = 2);
    } else if (!strncasecmp(said, "QUIT", 4)) {
        strcat(answers, "221 2.0.0 Bye\r\n");
        line->leaving = 1;
    } else if (!strncasecmp(said, "XCOUNT", 6))
        sprintf(answers + strlen(answers), "250 %ld\r\n", mails);
    else
        strcat(answers, "250 2.0.0 Ok\r\n");
}

/* Returns where the commands begin again: behind the dot, or at the end. */
static char *skip_mail(struct line *line, char *from, char *end, char *answers) {
    memcpy(from - line->tail_length, line->tail, line->tail_length);
    char *begin = from - line->tail_length;
    char *late = end - begin > ENVELOPE ? end - ENVELOPE : begin;
    char *dot = memmem(late, end - late, DOT, DOT_LENGTH);
    if (dot) {
        mails++;
        line->in_mail = 0;
        strcat(answers, "250 2.0.0 Ok: queued\r\n");
        return dot + DOT_LENGTH;
    }
    line->tail_length = end - begin < TAIL ? end - begin : TAIL;
    memcpy(line->tail, end - line->tail_length, line->tail_length);
    return end;
}

static char *hear_command(struct line *line, char *from, char *end, char *answers) {
    char *newline = memchr(from, '\n', end - from);
    char *next = newline ? newline + 1 : end;
    size_t length = next - from;
    if (line->length + length >= LINE) {
        line->closing = 1;
        return end;
    }
    memcpy(line->text + line->length, from, length);
    line->length += length;
    line->text[line->length] = 0;
    if (newline) {
        answer(line, answers);
        line->length = 0;
    }
    return next;
}

static void drop(struct line *line) {
    close(line->socket);
    free(line);
}

static void hear(struct line *line) {
    char answers[ANSWER] = "";
    ssize_t count = read(line->socket, room + TAIL, BLOCK);
    if (count <= 0) {
        drop(line);
        return;
    }
    char *at = room + TAIL, *end = at + count;
    while (at < end && !line->closing) {
        at = line->in_mail ? skip_mail(line, at, end, answers)
                           : hear_command(line, at, end, answers);
        if (at < end && strlen(answers) < ANSWER - 512) continue;
        if (answers[0] && write(line->socket, answers, strlen(answers)) < 0)
            line->closing = 1;
        answers[0] = 0;
    }
    if (line->closing || line->leaving) drop(line);
}

static void welcome(int poll, int listener) {
    int socket = accept(listener, NULL, NULL), on = 1;
    if (socket < 0) return;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct line *line = calloc(1, sizeof *line);
    line->socket = socket;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = line};
    epoll_ctl(poll, EPOLL_CTL_ADD, socket, &event);
    const char *greeting = "220 sink ESMTP\r\n";
    if (write(socket, greeting, strlen(greeting)) < 0) drop(line);
}

static int listening(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (void *)&address, length) || listen(listener, 1024)) {
        perror("sink");
        exit(1);
    }
    getsockname(listener, (void *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    int listener = listening(), poll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN}, events[EVENTS];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(poll, events, EVENTS, -1);
        for (int i = 0; i < count; i++)
            if (events[i].data.ptr)
                hear(events[i].data.ptr);
            else
                welcome(poll, listener);
    }
}
