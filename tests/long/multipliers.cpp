// Gives all pairs of 8-bit codes to a Verilated module, one a clock, and writes out what its output then is.
//
//   multipliers RESULTS CLOCKS
//
// Clock n gets the upper byte of n as a and the lower one as b.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "Vmultipliers.h"
#include "verilated.h"

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    auto context = std::make_unique<VerilatedContext>();
    context->commandArgs(argc, argv);
    auto unit = std::make_unique<Vmultipliers>(context.get());
    std::FILE* file = std::fopen(argv[1], "wb");
    const uint32_t clocks = std::strtoul(argv[2], nullptr, 10);
    for (uint32_t clock = 0; file && clock < clocks; clock++) {
        unit->a = clock >> 8 & 0xff;
        unit->b = clock & 0xff;
        unit->clk = 0;
        unit->eval();
        unit->clk = 1;
        unit->eval();
        if (std::fwrite(&unit->out, sizeof unit->out, 1, file) != 1) return 2;
    }
    unit->final();
    return file && std::fclose(file) == 0 ? 0 : 2;
}
