// The header from C++: a host with a lambda as its callback, twice through its life.
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "livekit_ffi.h"

namespace {

std::atomic<int> events{0};

std::string last_error() {
    std::string text(livekit_ffi_last_error(nullptr, 0) + 1, '\0');
    livekit_ffi_last_error(text.data(), text.size());
    text.resize(text.size() - 1);
    return text;
}

void check(bool holds, const char *what) {
    if (!holds) {
        std::cerr << "not so: " << what << " (last error: " << last_error() << ")\n";
        std::exit(1);
    }
}

} // namespace

int main() {
    // FfiRequest { new_audio_resampler {} }: member 29, of no length.
    const std::vector<std::uint8_t> new_resampler{0xea, 0x01, 0x00};
    for (int round = 0; round < 2; ++round) {
        const livekit_ffi_callback callback = [](const std::uint8_t *, std::size_t) { ++events; };
        livekit_ffi_initialize(callback, true, "c++", "1");

        const std::uint8_t *data = nullptr;
        std::size_t len = 0;
        const std::uint64_t handle = livekit_ffi_request(new_resampler.data(), new_resampler.size(), &data, &len);
        check(handle != 0 && data != nullptr && len > 0, "a resampler is made");
        check(livekit_ffi_drop_handle(handle), "the answer can be dropped");

        const std::uint8_t garbage[] = {0xff};
        check(livekit_ffi_request(garbage, 1, &data, &len) == 0, "garbage is refused");
        check(last_error().find("FfiRequest") != std::string::npos, "the reason is told");
        std::thread([] { check(last_error().empty(), "another thread has no error"); }).join();
        livekit_ffi_dispose();
    }
    // The refusal was logged, and what is queued is delivered before dispose returns.
    check(events == 2, "one log batch in each life");
    return 0;
}
