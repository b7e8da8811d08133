// Drives a Verilated MAC unit that multiplies matrices by others that the program keeps: no Python in the loop.
//
// Standard input has messages, each of which begins with three 32-bit numbers.
//   0 ROWS BLOCKS   keep a matrix: beats of in_b, row by row, then a byte for each scale. Matrices are numbered from 0.
//   1 INDEX ROWS    multiply: beats of in_a, row by row, with as many blocks as the matrix of that number, then scales.
// The answer to the latter is the results of each row of a with each row of the matrix, and then the number of clocks in 64
// bits. The program ends with its input.

#include <cstdint>
#include <cstdio>
#include <memory>
#include <vector>

#include "Vunit.h"
#include "unit_ports.h"
#include "verilated.h"

struct Matrix {
    uint32_t rows, blocks;
    std::vector<uint8_t> elements, scales;
};

static bool receive(void* bytes, size_t size) { return std::fread(bytes, 1, size, stdin) == size; }

static bool receive(Matrix& matrix, size_t beat_bytes) {
    matrix.scales.resize(size_t(matrix.rows) * matrix.blocks);
    matrix.elements.resize(matrix.scales.size() * BLOCK_BEATS * beat_bytes);
    return receive(matrix.elements.data(), matrix.elements.size()) && receive(matrix.scales.data(), matrix.scales.size());
}

static void clock(Vunit& unit) {
    unit.clk = 1;
    unit.eval();
    unit.clk = 0;
}

// Offers the beats of all dot products of rows of a with rows of b, one after the other.
class Offer {
public:
    Offer(const Matrix& a, const Matrix& b) : a(a), b(b) {}

    bool more() const { return row < a.rows; }

    void put(Vunit& unit) const {
        const size_t block_a = size_t(row) * a.blocks + beat / BLOCK_BEATS, block_b = size_t(column) * b.blocks + beat / BLOCK_BEATS;
        load(unit.in_a, &a.elements[(size_t(row) * beats() + beat) * A_BYTES], A_BYTES);
        load(unit.in_b, &b.elements[(size_t(column) * beats() + beat) * B_BYTES], B_BYTES);
        unit.in_scale_a = a.scales[block_a];
        unit.in_scale_b = b.scales[block_b];
        unit.in_last = beat + 1 == beats();
    }

    void advance() {
        if (++beat < beats()) return;
        beat = 0;
        if (++column < b.rows) return;
        column = 0;
        row++;
    }

private:
    size_t beats() const { return size_t(b.blocks) * BLOCK_BEATS; }

    const Matrix &a, &b;
    uint32_t row = 0, column = 0;
    size_t beat = 0;
};

// Returns whether all results came.
static bool multiply(Vunit& unit, const Matrix& a, const Matrix& b, std::vector<uint8_t>& results, uint64_t& clocks) {
    Offer offer(a, b);
    const size_t size = size_t(a.rows) * b.rows * 5;
    uint64_t last_transfer = 0;
    unit.out_ready = 1;
    for (bool offered = false; results.size() < size; clocks++) {
        if (!offered && offer.more()) {
            offer.put(unit);
            offered = true;
        }
        unit.in_valid = offered;
        unit.eval();
        const bool taken = offered && unit.in_ready, given = unit.out_valid;
        if (given) append_result(results, unit);
        clock(unit);
        if (taken) {
            offered = false;
            offer.advance();
        }
        if (taken || given) last_transfer = clocks;
        if (clocks - last_transfer > PATIENCE) return false;
    }
    return true;
}

int main(int argc, char** argv) {
    auto context = std::make_unique<VerilatedContext>();
    context->commandArgs(argc, argv);
    auto unit = std::make_unique<Vunit>(context.get());
    unit->clk = 0;
    unit->rst = 1;
    unit->in_valid = 0;
    unit->out_ready = 0;
    for (int i = 0; i < 2; i++) {
        unit->eval();
        clock(*unit);
    }
    unit->rst = 0;

    std::vector<Matrix> kept;
    for (uint32_t message[3]; receive(message, sizeof message);) {
        if (message[0] == 0) {
            kept.push_back({message[1], message[2], {}, {}});
            if (!receive(kept.back(), B_BYTES)) return 2;
            continue;
        }
        const Matrix& b = kept.at(message[1]);
        Matrix a{message[2], b.blocks, {}, {}};
        if (!receive(a, A_BYTES)) return 2;
        std::vector<uint8_t> results;
        uint64_t clocks = 0;
        if (!multiply(*unit, a, b, results, clocks)) {
            std::fprintf(stderr, "no transfer for %llu clocks\n", (unsigned long long)PATIENCE);
            return 1;
        }
        std::fwrite(results.data(), 1, results.size(), stdout);
        std::fwrite(&clocks, sizeof clocks, 1, stdout);
        if (std::fflush(stdout)) return 2;
    }
    unit->final();
    return 0;
}
