// Drives a Verilated MAC unit with beats from a file and writes its results to another: no Python in the loop.
//
//   bulk BEATS RESULTS DOTS IDLE STALL SEED [WAVES.vcd]
//
// A beat is the bytes of in_a and in_b, then in_scale_a, in_scale_b, in_format_a, in_format_b and in_last, a byte each, and
// with ADDEND in_addend in four bytes. A result is out_data in four bytes and out_status in one. IDLE and STALL are the chances, in 256ths, that a clock offers no
// beat or takes no result. Standard output gets the number of clocks, of clocks from the last beat to the last result,
// and the sum of the numbers of all clocks in which results were taken.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "Vunit.h"
#include "unit_ports.h"
#include "verilated.h"
#ifdef VM_TRACE_VCD_ENABLED
#include "verilated_vcd_c.h"
#endif

#ifdef ADDEND
constexpr size_t BEAT_BYTES = A_BYTES + B_BYTES + 9;
#else
constexpr size_t BEAT_BYTES = A_BYTES + B_BYTES + 5;
#endif

static uint64_t random_state;

static unsigned random_byte() {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 32) & 0xff;
}

int main(int argc, char** argv) {
    if (argc < 7) return 2;
    const uint64_t dots = std::strtoull(argv[3], nullptr, 10);
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
    auto unit = std::make_unique<Vunit>(context.get());
#ifdef VM_TRACE_VCD_ENABLED
    VerilatedVcdC waves;
    if (argc > 7 && argv[7][0] != '+') {
        context->traceEverOn(true);
        unit->trace(&waves, 99);
        waves.open(argv[7]);
    }
#endif
    auto eval = [&] {
        unit->eval();
#ifdef VM_TRACE_VCD_ENABLED
        if (waves.isOpen()) waves.dump(context->time());
#endif
        context->timeInc(5);
    };
    auto clock = [&] {
        unit->clk = 1;
        eval();
        unit->clk = 0;
    };

    unit->clk = 0;
    unit->rst = 1;
    unit->in_valid = 0;
    unit->out_ready = 0;
    for (int i = 0; i < 2; i++) {
        eval();
        clock();
    }
    unit->rst = 0;

    std::vector<uint8_t> results;
    results.reserve(dots * 5);
    uint64_t clocks = 0, last_taken = 0, last_transfer = 0, done = 0, when = 0;
    size_t next = 0;
    bool offered = false;
    while (done < dots) {
        if (!offered && next < count && random_byte() >= idle) {
            const uint8_t* beat = &beats[next * BEAT_BYTES];
            load(unit->in_a, beat, A_BYTES);
            load(unit->in_b, beat + A_BYTES, B_BYTES);
            beat += A_BYTES + B_BYTES;
            unit->in_scale_a = beat[0];
            unit->in_scale_b = beat[1];
#ifdef FORMAT_A
            unit->in_format_a = beat[2];
#endif
#ifdef FORMAT_B
            unit->in_format_b = beat[3];
#endif
            unit->in_last = beat[4];
#ifdef ADDEND
            load(unit->in_addend, beat + 5, 4);
#endif
            offered = true;
        }
        unit->in_valid = offered;
        unit->out_ready = random_byte() >= stall;
        eval();
        const bool taken = offered && unit->in_ready, given = unit->out_valid && unit->out_ready;
        if (given) {
            append_result(results, *unit);
            done++;
            when += clocks;
        }
        clock();
        clocks++;
        if (taken) {
            offered = false;
            next++;
            last_taken = clocks;
        }
        if (taken || given) last_transfer = clocks;
        if (clocks - last_transfer > PATIENCE) {
            std::fprintf(stderr, "no transfer for %llu clocks, after %llu results of %llu\n", (unsigned long long)PATIENCE,
                         (unsigned long long)done, (unsigned long long)dots);
            return 1;
        }
    }
    unit->final();
#ifdef VM_TRACE_VCD_ENABLED
    if (waves.isOpen()) waves.close();
#endif
    file = std::fopen(argv[2], "wb");
    if (!file || std::fwrite(results.data(), 1, results.size(), file) != results.size() || std::fclose(file)) return 2;
    std::printf("%llu %llu %llu\n", (unsigned long long)clocks, (unsigned long long)(clocks - last_taken), (unsigned long long)when);
    return 0;
}
