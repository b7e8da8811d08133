// Drives one of several Verilated quantizers with beats from a file and writes what comes out to another.
//
//   quantizers BEATS RESULTS UNIT IDLE STALL SEED
//
// A beat is the bytes of in_data, then in_rule, in_overflow and in_last, a byte each. A result is the bytes of out_data, then
// out_scale and out_last, then two 32-bit clock numbers: of the edge that took the beat of the same number, and of the edge
// that gave the result. IDLE and STALL are the chances, in 256ths, that a clock offers no beat or takes no result.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "Vquantizers.h"
#include "verilated.h"

constexpr size_t IN_BYTES = sizeof(Vquantizers::in_data), OUT_BYTES = sizeof(Vquantizers::out_data), BEAT_BYTES = IN_BYTES + 3;
constexpr uint32_t PATIENCE = 10000;

static uint64_t random_state;

static unsigned random_byte() {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 32) & 0xff;
}

static int fail(const char* what, uint32_t clock, size_t results) {
    std::fprintf(stderr, "clock %u, after %zu results: %s\n", clock, results, what);
    return 1;
}

int main(int argc, char** argv) {
    if (argc < 7) return 2;
    const unsigned idle = std::atoi(argv[4]), stall = std::atoi(argv[5]);
    random_state = std::strtoull(argv[6], nullptr, 10) * 2 + 1;

    std::FILE* file = std::fopen(argv[1], "rb");
    if (!file) return 2;
    std::fseek(file, 0, SEEK_END);
    std::vector<uint8_t> beats(std::ftell(file));
    std::rewind(file);
    if (std::fread(beats.data(), 1, beats.size(), file) != beats.size()) return 2;
    std::fclose(file);
    const size_t count = beats.size() / BEAT_BYTES;

    auto context = std::make_unique<VerilatedContext>();
    context->commandArgs(argc, argv);
    auto top = std::make_unique<Vquantizers>(context.get());
    auto edge = [&] {
        top->clk = 1;
        top->eval();
        top->clk = 0;
    };
    top->unit = std::atoi(argv[3]);
    top->clk = top->in_valid = top->out_ready = 0;
    top->rst = 1;
    for (int i = 0; i < 2; i++) {
        top->eval();
        edge();
    }
    top->rst = 0;

    std::vector<uint8_t> results, held;
    std::vector<uint32_t> taken_at;
    size_t next = 0, done = 0;
    uint32_t now = 0, last_transfer = 0;
    bool offered = false;
    while (done < count) {
        if (!offered && next < count && random_byte() >= idle) {
            const uint8_t* beat = &beats[next * BEAT_BYTES];
            std::memcpy(static_cast<void*>(&top->in_data), beat, IN_BYTES);
            top->in_rule = beat[IN_BYTES];
            top->in_overflow = beat[IN_BYTES + 1];
            top->in_last = beat[IN_BYTES + 2];
            offered = true;
        }
        if (!offered) {
            // Between beats there is nothing to go by.
            uint8_t noise[IN_BYTES];
            for (uint8_t& byte : noise) byte = random_byte();
            std::memcpy(static_cast<void*>(&top->in_data), noise, IN_BYTES);
            top->in_rule = random_byte();
            top->in_overflow = random_byte();
            top->in_last = random_byte() & 1;
        }
        top->in_valid = offered;
        top->out_ready = random_byte() >= stall;
        top->eval();

        std::vector<uint8_t> out(OUT_BYTES + 2);
        if (top->out_valid) {
            std::memcpy(out.data(), static_cast<const void*>(&top->out_data), OUT_BYTES);
            out[OUT_BYTES] = top->out_scale;
            out[OUT_BYTES + 1] = top->out_last;
        }
        if (!held.empty() && (!top->out_valid || out != held)) return fail("a result was not held", now, done);
        const bool taken = offered && top->in_ready, given = top->out_valid && top->out_ready;
        held = top->out_valid && !given ? out : std::vector<uint8_t>();
        if (taken) {
            offered = false;
            next++;
            taken_at.push_back(now);
        }
        if (given) {
            if (done >= taken_at.size()) return fail("a result came before its beat", now, done);
            results.insert(results.end(), out.begin(), out.end());
            for (uint32_t clock : {taken_at[done], now})
                for (int byte = 0; byte < 4; byte++) results.push_back(clock >> (8 * byte));
            done++;
        }
        if (taken || given) last_transfer = now;
        if (now - last_transfer > PATIENCE) return fail("stuck", now, done);
        edge();
        now++;
    }
    for (unsigned i = 0; i < 100; i++, edge()) {
        top->in_valid = 0;
        top->out_ready = 1;
        top->eval();
        if (top->out_valid) return fail("a result that belongs to no beat", now, done);
    }
    top->final();
    file = std::fopen(argv[2], "wb");
    if (!file || std::fwrite(results.data(), 1, results.size(), file) != results.size() || std::fclose(file)) return 2;
    return 0;
}
