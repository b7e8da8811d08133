// Ports of a Verilated MAC unit, for the programs that drive it.

#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "Vunit.h"

static_assert(A_BYTES <= sizeof(Vunit::in_a) && B_BYTES <= sizeof(Vunit::in_b), "ports narrower than their bytes");

// Clocks without any transfer after which the unit counts as stuck.
constexpr uint64_t PATIENCE = 100000;

// Ports are little-endian integers or arrays of words on every host that Verilator supports.
template <class Port>
void load(Port& port, const uint8_t* bytes, size_t size) {
    std::memset(static_cast<void*>(&port), 0, sizeof port);
    std::memcpy(static_cast<void*>(&port), bytes, size);
}

// A result is out_data in four bytes and out_status in one.
inline void append_result(std::vector<uint8_t>& results, const Vunit& unit) {
    const uint32_t data = unit.out_data;
    for (int byte = 0; byte < 4; byte++) results.push_back(data >> (8 * byte));
    results.push_back(unit.out_status);
}
