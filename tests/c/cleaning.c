/* Sound processing through the C boundary: 10 ms of the host's memory, cleaned where it lies. */
#include "sound.h"

static const uint32_t RATES[] = {16000, 32000, 48000};
enum { NONE = 0, ECHO = 1, GAIN = 2, RUMBLE = 4, NOISE = 8, EVERYTHING = 15 };

static uint64_t new_apm(unsigned stages) {
    wire_out body = {{0}, 0}, answer;
    for (uint32_t stage = 0; stage < 4; stage++) {
        wire_uint(&body, stage + 1, stages >> stage & 1);
    }
    CHECK(ask(REQ_NEW_APM, &body, &answer));
    uint64_t handle = handle_in(&answer, REQ_NEW_APM - 1, 1);
    CHECK(handle);
    return handle;
}

typedef struct {
    uint64_t apm, address, size, rate, channels;
} block;

static void process(uint32_t request, const block *what, wire_out *answer) {
    wire_out body = {{0}, 0};
    wire_uint(&body, 1, what->apm);
    wire_uint(&body, 2, what->address);
    wire_uint(&body, 3, what->size);
    wire_uint(&body, 4, what->rate);
    wire_uint(&body, 5, what->channels);
    CHECK(ask(request, &body, answer));
}

static bool served(uint32_t request, const block *what) {
    wire_out answer;
    wire_in response, error;
    process(request, what, &answer);
    CHECK(wire_find(read_of(&answer), request - 1, NULL, &response));
    return !wire_find(response, 1, NULL, &error);
}

static bool set_delay(uint64_t apm, int32_t delay_ms, wire_out *answer) {
    wire_out body = {{0}, 0};
    wire_in response, error;
    wire_uint(&body, 1, apm);
    wire_uint(&body, 2, (uint64_t)(int64_t)delay_ms);
    CHECK(ask(REQ_APM_DELAY, &body, answer));
    CHECK(wire_find(read_of(answer), REQ_APM_DELAY - 1, NULL, &response));
    return !wire_find(response, 1, NULL, &error);
}

/* A constant, which is no sound, goes; a tone of 1 kHz beside it stays. */
static void rumble_is_cut_from_exactly_these_bytes(uint32_t rate, uint32_t channels, fence_side side) {
    uint64_t apm = new_apm(RUMBLE);
    size_t frames = rate / 100, count = frames * channels;
    fenced memory = fence(count * sizeof(int16_t), side);
    int16_t *samples = (int16_t *)memory.at;
    block what = {apm, fence_address(&memory), memory.size, rate, channels};
    for (size_t turn = 0; turn < 40; turn++) {
        for (size_t place = 0; place < count; place++) {
            samples[place] = (int16_t)(5000 + tone_at(turn * frames + place / channels, 1000, rate));
        }
        CHECK(served(REQ_APM_PROCESS, &what));
    }
    for (size_t channel = 0; channel < channels; channel++) {
        CHECK(share_of_tone(samples + channel, frames, channels, 1000, rate) > 0.99);
    }
    fence_free(&memory);
    CHECK(livekit_ffi_drop_handle(apm));
    CHECK(!served(REQ_APM_PROCESS, &what));
}

/* With every stage, what is played is read only, and what was recorded is changed. */
static void every_stage_leaves_the_played_sound_alone(uint32_t rate, uint32_t channels, fence_side side) {
    uint64_t apm = new_apm(EVERYTHING);
    wire_out answer;
    CHECK(set_delay(apm, 40, &answer));
    size_t count = rate / 100 * channels, size = count * sizeof(int16_t);
    int16_t *before = (int16_t *)malloc(size);
    fenced heard = fence(size, side);
    uint32_t state = rate + channels;
    CHECK(before != NULL);
    for (size_t turn = 0; turn < 8; turn++) {
        for (size_t place = 0; place < count; place++) {
            before[place] = noise(&state);
        }
        fenced played = fence_copy(before, size, side);
        block reverse = {apm, fence_address(&played), size, rate, channels};
        CHECK(served(REQ_APM_REVERSE, &reverse));
        /* Not touched: its page cannot be written to. Not kept: it is gone. */
        fence_free(&played);
        memcpy(heard.at, before, size);
        block forward = {apm, fence_address(&heard), size, rate, channels};
        CHECK(served(REQ_APM_PROCESS, &forward));
        CHECK(memcmp(heard.at, before, size) != 0);
    }
    fence_free(&heard);
    free(before);
    CHECK(livekit_ffi_drop_handle(apm));
}

static void several_blocks_may_come_at_once(void) {
    uint64_t one = new_apm(RUMBLE), other = new_apm(RUMBLE);
    enum { BLOCKS = 5, BLOCK = 160 };
    fenced whole = fence(BLOCKS * BLOCK * sizeof(int16_t), FENCE_BEHIND), part = fence(BLOCK * sizeof(int16_t), FENCE_BEHIND);
    int16_t *samples = (int16_t *)whole.at;
    int16_t original[BLOCKS * BLOCK];
    for (size_t place = 0; place < BLOCKS * BLOCK; place++) {
        original[place] = samples[place] = (int16_t)(3000 + tone_at(place, 700, 16000));
    }
    block all = {one, fence_address(&whole), whole.size, 16000, 1};
    CHECK(served(REQ_APM_PROCESS, &all));
    for (size_t turn = 0; turn < BLOCKS; turn++) {
        memcpy(part.at, original + turn * BLOCK, part.size);
        block each = {other, fence_address(&part), part.size, 16000, 1};
        CHECK(served(REQ_APM_PROCESS, &each));
        CHECK(memcmp(part.at, samples + turn * BLOCK, part.size) == 0);
    }
    fence_free(&whole);
    fence_free(&part);
    CHECK(livekit_ffi_drop_handle(one) && livekit_ffi_drop_handle(other));
}

/* What the loudspeaker plays comes back 40 ms later, half as loud. */
static void echo_goes(void) {
    enum { BLOCK = 160, BLOCKS = 200, DELAY = 4, LAST = 50 };
    uint64_t apm = new_apm(ECHO);
    int16_t history[DELAY][BLOCK] = {{0}};
    fenced memory = fence(BLOCK * sizeof(int16_t), FENCE_BEHIND);
    int16_t *samples = (int16_t *)memory.at;
    block what = {apm, fence_address(&memory), memory.size, 16000, 1};
    wire_out answer;
    CHECK(set_delay(apm, 10 * DELAY, &answer));
    uint32_t state = 1;
    double before = 0, after = 0;
    for (size_t turn = 0; turn < BLOCKS; turn++) {
        int16_t *oldest = history[turn % DELAY], echo[BLOCK];
        for (size_t place = 0; place < BLOCK; place++) {
            echo[place] = (int16_t)(oldest[place] / 2);
            samples[place] = oldest[place] = noise(&state);
        }
        CHECK(served(REQ_APM_REVERSE, &what));
        CHECK(memcmp(samples, oldest, memory.size) == 0);
        memcpy(samples, echo, memory.size);
        CHECK(served(REQ_APM_PROCESS, &what));
        if (turn >= BLOCKS - LAST) {
            before += power_of(echo, BLOCK);
            after += power_of(samples, BLOCK);
        }
    }
    CHECK(after < before / 100);
    fence_free(&memory);
    CHECK(livekit_ffi_drop_handle(apm));
}

static void what_cannot_be_is_refused_by_name_and_touches_nothing(void) {
    uint64_t apm = new_apm(EVERYTHING), source = new_audio_source();
    fenced memory = fence(320 * sizeof(int16_t), FENCE_BEHIND);
    uint64_t at = fence_address(&memory), ten_ms = 320 * sizeof(int16_t);
    memset(memory.at, 0x5a, memory.size);
    const struct {
        const char *name;
        block what;
    } cases[] = {
        {"data_ptr", {apm, 0, ten_ms, 32000, 1}},
        {"data_ptr", {apm, at - 1, ten_ms, 32000, 1}},
        {"data_ptr", {apm, UINT64_MAX - 1, ten_ms, 32000, 1}},
        {"size", {apm, at, 0, 32000, 1}},
        {"size", {apm, at, 1, 32000, 1}},
        {"size", {apm, at, ten_ms - 1, 32000, 1}},
        {"size", {apm, at, ten_ms - 2, 32000, 1}},
        {"size", {apm, at, ten_ms + 1, 32000, 1}},
        {"size", {apm, at, ten_ms + 2, 32000, 1}},
        {"size", {apm, at, ten_ms, 32000, 2}},
        {"size", {apm, at, ten_ms, 48000, 1}},
        {"size", {apm, at, UINT32_MAX, 32000, 1}},
        {"sample_rate", {apm, at, ten_ms, 0, 1}},
        {"sample_rate", {apm, at, ten_ms, 32001, 1}},
        {"sample_rate", {apm, at, ten_ms, UINT32_MAX, 1}},
        {"num_channels", {apm, at, ten_ms, 32000, 0}},
        {"num_channels", {apm, at, ten_ms, 32000, 9}},
        {"num_channels", {apm, at, ten_ms, 32000, UINT32_MAX}},
        {"audio processing module", {0, at, ten_ms, 32000, 1}},
        {"audio processing module", {source, at, ten_ms, 32000, 1}},
        {"audio processing module", {UINT64_MAX, at, ten_ms, 32000, 1}},
    };
    wire_out answer;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        process(REQ_APM_PROCESS, &cases[i].what, &answer);
        CHECK(tells(&answer, REQ_APM_PROCESS - 1, 1, cases[i].name));
        process(REQ_APM_REVERSE, &cases[i].what, &answer);
        CHECK(tells(&answer, REQ_APM_REVERSE - 1, 1, cases[i].name));
    }
    for (size_t place = 0; place < memory.size; place++) {
        CHECK(((uint8_t *)memory.at)[place] == 0x5a);
    }
    const int32_t delays[] = {-1, 501, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < sizeof delays / sizeof *delays; i++) {
        CHECK(!set_delay(apm, delays[i], &answer) && tells(&answer, REQ_APM_DELAY - 1, 1, "delay_ms"));
    }
    CHECK(set_delay(apm, 0, &answer) && set_delay(apm, 500, &answer));
    CHECK(!set_delay(source, 0, &answer) && tells(&answer, REQ_APM_DELAY - 1, 1, "audio processing module"));
    /* None of that harmed it. */
    block good = {apm, at, ten_ms, 32000, 1};
    CHECK(served(REQ_APM_PROCESS, &good));
    fence_free(&memory);
    CHECK(livekit_ffi_drop_handle(apm) && livekit_ffi_drop_handle(source));
}

int main(void) {
    livekit_ffi_initialize(host_callback, false, "c", "1");
    for (size_t i = 0; i < sizeof RATES / sizeof *RATES; i++) {
        for (uint32_t channels = 1; channels <= 2; channels++) {
            fence_side one = i % 2 ? FENCE_BEFORE : FENCE_BEHIND, other = i % 2 ? FENCE_BEHIND : FENCE_BEFORE;
            rumble_is_cut_from_exactly_these_bytes(RATES[i], channels, one);
            every_stage_leaves_the_played_sound_alone(RATES[i], channels, channels == 1 ? one : other);
        }
    }
    several_blocks_may_come_at_once();
    echo_goes();
    what_cannot_be_is_refused_by_name_and_touches_nothing();
    livekit_ffi_dispose();
    host_forget();
    return 0;
}
