/* An echo server over libuv: one shared read buffer, uv_try_write first, and a queued write for what it did not take. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static char shared[65536];

static void lend(uv_handle_t *handle, size_t wanted, uv_buf_t *buf) {
    (void)handle;
    (void)wanted;
    *buf = uv_buf_init(shared, sizeof shared);
}

static void closed(uv_handle_t *handle) { free(handle); }

struct rest {
    uv_write_t request;
    char data[];
};

static void written(uv_write_t *request, int status) {
    (void)status;
    free(request);
}

static void received(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf) {
    if (count < 0) {
        uv_close((uv_handle_t *)stream, closed);
        return;
    }
    if (count == 0) return;
    uv_buf_t out = uv_buf_init(buf->base, (unsigned)count);
    int sent = uv_try_write(stream, &out, 1);
    if (sent < 0) sent = 0;
    if (sent < count) {
        struct rest *rest = malloc(sizeof *rest + (size_t)(count - sent));
        memcpy(rest->data, buf->base + sent, (size_t)(count - sent));
        uv_buf_t left = uv_buf_init(rest->data, (unsigned)(count - sent));
        uv_write(&rest->request, stream, &left, 1, written);
    }
}

static void connected(uv_stream_t *server, int status) {
    if (status < 0) return;
    uv_tcp_t *client = malloc(sizeof *client);
    uv_tcp_init(server->loop, client);
    if (uv_accept(server, (uv_stream_t *)client) == 0) {
        uv_tcp_nodelay(client, 1);
        uv_read_start((uv_stream_t *)client, lend, received);
    } else {
        uv_close((uv_handle_t *)client, closed);
    }
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t server;
    struct sockaddr_in address;
    uv_tcp_init(loop, &server);
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_bind(&server, (const struct sockaddr *)&address, 0);
    if (uv_listen((uv_stream_t *)&server, 1024, connected) != 0) return 1;
    int length = sizeof address;
    uv_tcp_getsockname(&server, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}
