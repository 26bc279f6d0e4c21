/* One frame of sound in, another out: channels and rate changed through the C boundary. */
#include "sound.h"

static uint64_t new_resampler(void) {
    wire_out body = {{0}, 0}, answer;
    CHECK(ask(REQ_NEW_AUDIO_RESAMPLER, &body, &answer));
    uint64_t handle = handle_in(&answer, REQ_NEW_AUDIO_RESAMPLER, 1);
    CHECK(handle);
    return handle;
}

typedef struct {
    uint64_t address, channels, rate, frames;
} frame;

static bool remix(uint64_t handle, const frame *in, uint64_t channels, uint64_t rate, wire_out *answer) {
    wire_out body = {{0}, 0}, buffer = {{0}, 0};
    wire_uint(&buffer, 1, in->address);
    wire_uint(&buffer, 2, in->channels);
    wire_uint(&buffer, 3, in->rate);
    wire_uint(&buffer, 4, in->frames);
    wire_uint(&body, 1, handle);
    wire_message(&body, 2, &buffer);
    wire_uint(&body, 3, channels);
    wire_uint(&body, 4, rate);
    return ask(REQ_REMIX_AND_RESAMPLE, &body, answer);
}

/* The frame that an answer tells of, and its handle. */
static uint64_t given(const wire_out *answer, frame *out) {
    wire_in response, buffer, info;
    CHECK(wire_find(read_of(answer), REQ_REMIX_AND_RESAMPLE, NULL, &response));
    CHECK(wire_find(response, 1, NULL, &buffer) && wire_find(buffer, 2, NULL, &info));
    CHECK(wire_find(info, 1, &out->address, NULL) && wire_find(info, 2, &out->channels, NULL));
    CHECK(wire_find(info, 3, &out->rate, NULL) && wire_find(info, 4, &out->frames, NULL));
    uint64_t handle = handle_in(answer, REQ_REMIX_AND_RESAMPLE, 1);
    CHECK(handle);
    return handle;
}

/* 200 ms, each frame of 10 ms in memory that ends where it says and is gone afterwards. */
static void the_tone_is_the_same_at_the_other_rate(uint64_t from, uint64_t to, double in_rate, double out_rate, fence_side side) {
    uint64_t resampler = new_resampler();
    size_t frames = (size_t)in_rate / 100, wanted = (size_t)out_rate / 100, turns = 20;
    int16_t *in = (int16_t *)malloc(frames * from * sizeof(int16_t));
    int16_t *all = (int16_t *)malloc(turns * wanted * to * sizeof(int16_t));
    CHECK(in != NULL && all != NULL);
    for (size_t turn = 0; turn < turns; turn++) {
        for (size_t at = 0; at < frames * from; at++) {
            in[at] = tone_at(turn * frames + at / from, 500, in_rate);
        }
        fenced memory = fence_copy(in, frames * from * sizeof(int16_t), side);
        frame what = {fence_address(&memory), from, (uint64_t)in_rate, frames}, out;
        wire_out answer;
        CHECK(remix(resampler, &what, to, (uint64_t)out_rate, &answer));
        fence_free(&memory);
        uint64_t handle = given(&answer, &out);
        CHECK(out.channels == to && out.rate == (uint64_t)out_rate && out.frames == wanted);
        memcpy(all + turn * wanted * to, (const void *)(uintptr_t)out.address, wanted * to * sizeof(int16_t));
        CHECK(livekit_ffi_drop_handle(handle));
    }
    for (size_t channel = 0; channel < to; channel++) {
        /* The first and the last quarter are left out: they hold the beginning. */
        const int16_t *middle = all + turns / 4 * wanted * to + channel;
        CHECK(share_of_tone(middle, turns / 2 * wanted, to, 500, out_rate) > 0.999);
    }
    free(in);
    free(all);
    CHECK(livekit_ffi_drop_handle(resampler));
}

static void what_was_given_outlives_the_resampler(void) {
    uint64_t resampler = new_resampler(), handles[8];
    frame outs[8];
    int16_t in[160];
    wire_out answer;
    for (size_t i = 0; i < 8; i++) {
        for (size_t at = 0; at < 160; at++) {
            in[at] = (int16_t)(100 * (i + 1));
        }
        frame what = {(uint64_t)(uintptr_t)in, 1, 16000, 160};
        CHECK(remix(resampler, &what, 2, 16000, &answer));
        handles[i] = given(&answer, &outs[i]);
    }
    CHECK(livekit_ffi_drop_handle(resampler));
    frame what = {(uint64_t)(uintptr_t)in, 1, 16000, 160};
    CHECK(!remix(resampler, &what, 2, 16000, &answer) && strstr(last_error(), "audio resampler"));
    for (size_t i = 0; i < 8; i++) {
        const int16_t *samples = (const int16_t *)(uintptr_t)outs[i].address;
        for (size_t at = 0; at < 320; at++) {
            CHECK(samples[at] == (int16_t)(100 * (i + 1)));
        }
        CHECK(livekit_ffi_drop_handle(handles[i]));
    }
}

static void what_cannot_be_is_refused_by_name(void) {
    uint64_t resampler = new_resampler(), source = new_audio_source();
    int16_t silence[320] = {0};
    fenced memory = fence_copy(silence, sizeof silence, FENCE_BEHIND);
    uint64_t at = fence_address(&memory);
    const struct {
        const char *name;
        uint64_t handle;
        frame in;
        uint64_t channels, rate;
    } cases[] = {
        {"buffer.data_ptr", resampler, {0, 2, 16000, 160}, 1, 48000},
        {"buffer.data_ptr", resampler, {at - 1, 2, 16000, 160}, 1, 48000},
        {"buffer.data_ptr", resampler, {UINT64_MAX - 1, 2, 16000, 160}, 1, 48000},
        {"buffer.num_channels", resampler, {at, 0, 16000, 160}, 1, 48000},
        {"buffer.num_channels", resampler, {at, 9, 16000, 160}, 1, 48000},
        {"buffer.num_channels", resampler, {at, UINT32_MAX, 16000, UINT32_MAX}, 1, 48000},
        {"buffer.sample_rate", resampler, {at, 2, 0, 160}, 1, 48000},
        {"buffer.sample_rate", resampler, {at, 2, UINT32_MAX, 160}, 1, 48000},
        {"num_channels", resampler, {at, 2, 16000, 160}, 0, 48000},
        {"num_channels", resampler, {at, 2, 16000, 160}, UINT32_MAX, 48000},
        {"sample_rate", resampler, {at, 2, 16000, 160}, 1, 0},
        {"sample_rate", resampler, {at, 2, 16000, 160}, 1, UINT32_MAX},
        {"audio resampler", 0, {at, 2, 16000, 160}, 1, 48000},
        {"audio resampler", source, {at, 2, 16000, 160}, 1, 48000},
    };
    wire_out answer;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK(!remix(cases[i].handle, &cases[i].in, cases[i].channels, cases[i].rate, &answer));
        CHECK(strstr(last_error(), cases[i].name));
    }
    /* No sound is some sound. */
    frame none = {0, 2, 16000, 0}, out;
    CHECK(remix(resampler, &none, 1, 48000, &answer));
    CHECK(livekit_ffi_drop_handle(given(&answer, &out)) && out.frames == 0);
    fence_free(&memory);
    CHECK(livekit_ffi_drop_handle(resampler) && livekit_ffi_drop_handle(source));
}

int main(void) {
    livekit_ffi_initialize(host_callback, false, "c", "1");
    const double rates[][2] = {{48000, 16000}, {16000, 48000}, {44100, 48000}, {32000, 32000}};
    const uint64_t channels[][2] = {{1, 1}, {1, 2}, {2, 1}, {2, 2}, {6, 2}};
    for (size_t rate = 0; rate < sizeof rates / sizeof *rates; rate++) {
        for (size_t pair = 0; pair < sizeof channels / sizeof *channels; pair++) {
            fence_side side = (rate + pair) % 2 ? FENCE_BEFORE : FENCE_BEHIND;
            the_tone_is_the_same_at_the_other_rate(channels[pair][0], channels[pair][1], rates[rate][0], rates[rate][1], side);
        }
    }
    what_was_given_outlives_the_resampler();
    what_cannot_be_is_refused_by_name();
    livekit_ffi_dispose();
    host_forget();
    return 0;
}
