/* Against a library built with the feature `fault-injection`: a panic inside costs one request. */
#include "host.h"

static bool connect_to(const char *url, uint64_t async_id, wire_out *answer) {
    wire_out body = {{0}, 0};
    wire_text(&body, 1, url);
    wire_text(&body, 2, "token");
    wire_text(&body, 3, "");
    wire_uint(&body, 4, async_id);
    return ask(REQ_CONNECT, &body, answer);
}

int main(void) {
    wire_out answer;
    wire_in body;
    livekit_ffi_initialize(host_callback, true, "c", "1");

    CHECK(!connect_to("fault:panic-in-handler", 1, &answer));
    CHECK(strstr(last_error(), "internal error in livekit_ffi_request: injected into a handler"));
    CHECK(host_await(EVENT_LOGS, 0, &body) && wire_contains(body, "injected into a handler"));
    uint64_t source = new_audio_source();
    CHECK(source && livekit_ffi_drop_handle(source));

    CHECK(connect_to("fault:panic-in-task", 2, &answer));
    CHECK(host_await(EVENT_CONNECT, 2, &body));
    CHECK(wire_contains(body, "injected into a task"));
    source = new_audio_source();
    CHECK(source && livekit_ffi_drop_handle(source));

    livekit_ffi_dispose();
    host_forget();
    return 0;
}
