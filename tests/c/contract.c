/* The contract of livekit_ffi.h, clause by clause, from a C host. */
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

static void fails_before_initialize(void) {
    wire_out body = {{0}, 0}, answer;
    CHECK(!ask(REQ_NEW_VIDEO_SOURCE, &body, &answer));
    CHECK(strstr(last_error(), "not initialized"));
    CHECK(!livekit_ffi_drop_handle(1));
    livekit_ffi_dispose();
    CHECK(strstr(last_error(), "not initialized"));
    livekit_ffi_initialize(NULL, true, "c", "1");
    CHECK(strstr(last_error(), "callback"));
    CHECK(!ask(REQ_NEW_VIDEO_SOURCE, &body, &answer));
}

static void bad_requests_are_refused_with_a_reason(void) {
    const uint8_t garbage[] = {0xff, 0xff, 0xff};
    const uint8_t *data = garbage;
    size_t len = 77;
    CHECK(livekit_ffi_request(garbage, sizeof garbage, &data, &len) == 0);
    CHECK(data == NULL && len == 0);
    CHECK(strstr(last_error(), "3 bytes are not a valid FfiRequest"));

    wire_in logs;
    CHECK(host_await(EVENT_LOGS, 0, &logs));
    CHECK(wire_contains(logs, "not a valid FfiRequest"));

    len = 77;
    CHECK(livekit_ffi_request(garbage, sizeof garbage, NULL, &len) == 0 && len == 0);
    CHECK(strstr(last_error(), "res_ptr"));
    data = garbage;
    CHECK(livekit_ffi_request(garbage, sizeof garbage, &data, NULL) == 0 && data == NULL);
    CHECK(strstr(last_error(), "res_len"));
    CHECK(livekit_ffi_request(NULL, 5, &data, &len) == 0);
    CHECK(strstr(last_error(), "`data` is null"));
    CHECK(livekit_ffi_request(garbage, SIZE_MAX, &data, &len) == 0);
    CHECK(livekit_ffi_request(NULL, 0, &data, &len) == 0);
    CHECK(strstr(last_error(), "no member"));
    CHECK(livekit_ffi_request(NULL, 0, NULL, NULL) == 0);
}

static void the_last_error_is_copied_as_far_as_it_fits(void) {
    wire_out body = {{0}, 0}, answer;
    CHECK(!ask(REQ_NEW_VIDEO_SOURCE, &body, &answer));
    size_t whole = livekit_ffi_last_error(NULL, 0);
    CHECK(whole > 10);
    char text[8];
    memset(text, 'x', sizeof text);
    CHECK(livekit_ffi_last_error(text, sizeof text) == whole);
    CHECK(strlen(text) == 7 && strncmp(text, last_error(), 7) == 0);
    CHECK(livekit_ffi_last_error(NULL, 100) == whole);
    CHECK(livekit_ffi_last_error(text, 0) == whole && strlen(text) == 7);
}

static void handles_are_dropped_once(void) {
    uint64_t source = new_audio_source();
    CHECK(source != 0);
    CHECK(livekit_ffi_drop_handle(source));
    CHECK(!livekit_ffi_drop_handle(source));
    CHECK(!livekit_ffi_drop_handle(0));
    CHECK(!livekit_ffi_drop_handle(UINT64_MAX));
}

static void a_callback_names_its_request(void) {
    wire_out answer;
    wire_in response;
    uint64_t source = new_audio_source(), id = 0;
    CHECK(source && capture(source, 4711, &answer));
    CHECK(wire_find(read_of(&answer), REQ_CAPTURE_AUDIO_FRAME, NULL, &response));
    CHECK(wire_find(response, 1, &id, NULL) && id == 4711);
    wire_in body;
    CHECK(host_await(EVENT_CAPTURE_AUDIO_FRAME, 4711, &body));
    CHECK(livekit_ffi_drop_handle(source));
}

static void callbacks_come_one_at_a_time(void) {
    uint64_t source = new_audio_source();
    wire_out answer;
    for (uint64_t id = 1000; id < 1020; id++) {
        CHECK(source && capture(source, id, &answer));
    }
    for (uint64_t id = 1000; id < 1020; id++) {
        CHECK(host_await(EVENT_CAPTURE_AUDIO_FRAME, id, NULL));
    }
    pthread_mutex_lock(&host.lock);
    bool overlapped = host.overlapped;
    pthread_mutex_unlock(&host.lock);
    CHECK(!overlapped);
    CHECK(livekit_ffi_drop_handle(source));
}

static size_t replaced_calls;

static void other_callback(const uint8_t *data, size_t len) {
    __atomic_add_fetch(&replaced_calls, 1, __ATOMIC_SEQ_CST);
    host_remember(data, len);
}

static void initialize_twice_replaces_the_callback(void) {
    wire_out answer;
    uint64_t source = new_audio_source();
    livekit_ffi_initialize(other_callback, true, "c", "1");
    CHECK(capture(source, 5001, &answer));
    CHECK(host_await(EVENT_CAPTURE_AUDIO_FRAME, 5001, NULL));
    CHECK(__atomic_load_n(&replaced_calls, __ATOMIC_SEQ_CST) > 0);
    /* The handle is still known: nothing was started anew. */
    CHECK(livekit_ffi_drop_handle(source));
    livekit_ffi_initialize(host_callback, true, "c", "1");
}

static void a_forked_child_is_refused_and_ends_in_peace(void) {
    /* The child answers through a pipe: under valgrind its exit code tells of leaks, and what the
       threads that it lacks had in hand counts as leaked there. */
    int answer_pipe[2];
    CHECK(pipe(answer_pipe) == 0);
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        wire_out body = {{0}, 0}, answer;
        bool refused = !ask(REQ_NEW_VIDEO_SOURCE, &body, &answer) && strstr(last_error(), "forked child");
        refused = refused && !livekit_ffi_drop_handle(1);
        livekit_ffi_dispose();
        livekit_ffi_initialize(host_callback, true, "c", "1");
        refused = refused && strstr(last_error(), "forked child");
        char said = refused ? 'y' : 'n';
        if (write(answer_pipe[1], &said, 1) != 1) {
            _exit(1);
        }
        _exit(0);
    }
    int status = 0;
    char said = '?';
    CHECK(close(answer_pipe[1]) == 0);
    CHECK(read(answer_pipe[0], &said, 1) == 1 && said == 'y');
    CHECK(close(answer_pipe[0]) == 0);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
}

static void *hammer(void *unused) {
    (void)unused;
    for (int i = 0; i < 200; i++) {
        wire_out body = {{0}, 0}, answer;
        uint64_t source = new_audio_source();
        CHECK(source && livekit_ffi_drop_handle(source));
        CHECK(!ask(REQ_NEW_VIDEO_SOURCE, &body, &answer));
    }
    return NULL;
}

static void many_threads_may_call_at_once(void) {
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        CHECK(pthread_create(&threads[i], NULL, hammer, NULL) == 0);
    }
    for (size_t i = 0; i < 4; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

static uint64_t inside_source;
static int inside_outcome;

/* Does everything a host may do from inside its callback, once. */
static void callback_that_calls(const uint8_t *data, size_t len) {
    wire_in event = {data, len}, body;
    uint64_t id = 0;
    if (wire_find(event, EVENT_CAPTURE_AUDIO_FRAME, NULL, &body) && wire_find(body, 1, &id, NULL) && id == 6001) {
        wire_out empty = {{0}, 0}, answer;
        uint64_t source = new_audio_source();
        int outcome = source && livekit_ffi_drop_handle(source) && livekit_ffi_drop_handle(inside_source);
        outcome = outcome && !ask(REQ_NEW_VIDEO_SOURCE, &empty, &answer) && strlen(last_error()) > 0;
        livekit_ffi_dispose();
        outcome = outcome && !ask(REQ_NEW_VIDEO_SOURCE, &empty, &answer) && strstr(last_error(), "disposed");
        __atomic_store_n(&inside_outcome, outcome ? 1 : 2, __ATOMIC_SEQ_CST);
    }
    host_remember(data, len);
}

static void anything_may_be_called_from_inside_the_callback(void) {
    wire_out answer;
    livekit_ffi_initialize(callback_that_calls, true, "c", "1");
    inside_source = new_audio_source();
    CHECK(inside_source && capture(inside_source, 6001, &answer));
    CHECK(host_await(EVENT_CAPTURE_AUDIO_FRAME, 6001, NULL));
    CHECK(__atomic_load_n(&inside_outcome, __ATOMIC_SEQ_CST) == 1);
}

static void dispose_empties_the_table_and_stops_the_callback(void) {
    uint64_t source = new_audio_source();
    CHECK(source);
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    livekit_ffi_dispose();
    clock_gettime(CLOCK_MONOTONIC, &end);
    CHECK(end.tv_sec - begin.tv_sec < 3);
    size_t before = host_count();
    CHECK(!livekit_ffi_drop_handle(source));
    CHECK(new_audio_source() == 0);
    CHECK(strstr(last_error(), "disposed"));
    livekit_ffi_dispose();
    CHECK(host_count() == before);
    /* Start again: numbers go on, so an old handle never means something new. */
    livekit_ffi_initialize(host_callback, true, "c", "1");
    uint64_t again = new_audio_source();
    CHECK(again > source);
    CHECK(!livekit_ffi_drop_handle(source));
    CHECK(livekit_ffi_drop_handle(again));
}

static void dispose_by_request_says_when_it_is_done(void) {
    wire_out body = {{0}, 0}, answer;
    wire_in response;
    uint64_t id = 0;
    host_forget();
    wire_uint(&body, 1, 1);
    CHECK(ask(REQ_DISPOSE, &body, &answer));
    CHECK(wire_find(read_of(&answer), REQ_DISPOSE, NULL, &response) && wire_find(response, 1, &id, NULL) && id != 0);
    CHECK(host_await(EVENT_DISPOSE, id, NULL));
    CHECK(new_audio_source() == 0);
    livekit_ffi_dispose();
}

int main(void) {
    fails_before_initialize();
    for (int round = 0; round < 2; round++) {
        livekit_ffi_initialize(host_callback, true, "c", "1");
        bad_requests_are_refused_with_a_reason();
        the_last_error_is_copied_as_far_as_it_fits();
        handles_are_dropped_once();
        a_callback_names_its_request();
        callbacks_come_one_at_a_time();
        initialize_twice_replaces_the_callback();
        a_forked_child_is_refused_and_ends_in_peace();
        many_threads_may_call_at_once();
        anything_may_be_called_from_inside_the_callback();
        livekit_ffi_initialize(host_callback, true, "c", "1");
        dispose_empties_the_table_and_stops_the_callback();
        dispose_by_request_says_when_it_is_done();
        host_forget();
    }
    return 0;
}
