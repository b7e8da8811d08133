// Runs a Verilated accelerator and bridges its UART, bit by bit, to a terminal: a board without the board.
//
//   simulation TERMINAL BIT_CLOCKS IDLE_CLOCKS
//
// TERMINAL is the number of an open file, the master of a pseudo-terminal. What the host sends is put on rx, and what comes
// out of tx is handed to the host; if nobody reads it, it is lost, as it is behind a USB bridge. After IDLE_CLOCKS in which
// neither line moved, time stands still until the host sends something.
//
// Standard input takes commands of three bytes: a letter, and how many more bytes rx has to take before it is carried out, in
// two bytes, little-endian. 'r' resets the board, in the middle of a byte; 'g' holds rx low for three bits. The program ends
// when standard input does, and prints the number of clocks.

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "Vaccelerator.h"
#include "verilated.h"

// Bits of a byte: start, data, stop.
constexpr int BYTE_BITS = 10;
constexpr int RESET_CLOCKS = 4;
constexpr int GLITCH_BITS = 3;

struct Command {
    uint8_t letter;
    uint64_t at_byte;
};

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const int terminal = std::atoi(argv[1]);
    const uint64_t bit_clocks = std::strtoull(argv[2], nullptr, 10), idle_clocks = std::strtoull(argv[3], nullptr, 10);
    fcntl(terminal, F_SETFL, O_NONBLOCK);
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);

    auto context = std::make_unique<VerilatedContext>();
    auto board = std::make_unique<Vaccelerator>(context.get());
    uint64_t clocks = 0;
    auto clock = [&] {
        board->clk = 1;
        board->eval();
        board->clk = 0;
        board->eval();
        clocks++;
    };
    board->clk = 0;
    board->rx = 1;
    board->rst = 1;
    board->eval();
    for (int i = 0; i < RESET_CLOCKS; i++) clock();
    board->rst = 0;

    uint8_t input[4096];
    size_t input_size = 0, input_next = 0;
    std::vector<uint8_t> output;
    std::vector<Command> commands;
    std::vector<uint8_t> command_bytes;
    uint64_t bytes_in = 0, last_move = 0, look_at = 0, glitch_until = 0, reset_until = 0;
    // Bits of the byte on its way in, the next one lowest; and when the line changes to it.
    unsigned sending = 0, bits_left = 0;
    uint64_t next_bit = 0;
    // The byte on its way out: bits seen, and when to look for the next, in its middle.
    unsigned receiving = 0, bits_seen = 0;
    uint64_t next_sample = 0;
    bool in_byte = false, line = true;

    while (true) {
        if (clocks >= look_at) {
            look_at = clocks + BYTE_BITS * bit_clocks;
            if (!output.empty()) {
                if (write(terminal, output.data(), output.size()) < 0) {}
                output.clear();
            }
            const bool idle = input_next == input_size && !bits_left && !in_byte && clocks - last_move > idle_clocks;
            pollfd files[] = {{STDIN_FILENO, POLLIN, 0}, {terminal, POLLIN, 0}};
            if (idle) poll(files, 2, -1);
            uint8_t bytes[48];
            const ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
            if (got == 0) break;
            for (ssize_t i = 0; i < got; i++) command_bytes.push_back(bytes[i]);
            while (command_bytes.size() >= 3) {
                commands.push_back({command_bytes[0], bytes_in + command_bytes[1] + 256u * command_bytes[2]});
                command_bytes.erase(command_bytes.begin(), command_bytes.begin() + 3);
            }
            if (input_next == input_size) {
                const ssize_t size = read(terminal, input, sizeof input);
                input_size = size > 0 ? size : 0;
                input_next = 0;
            }
        }
        for (size_t i = 0; i < commands.size();) {
            // In the middle of a byte, or at once if there is none.
            const bool due = bytes_in > commands[i].at_byte ? bits_left <= BYTE_BITS / 2
                                                             : bytes_in == commands[i].at_byte && input_next == input_size;
            if (!due) {
                i++;
                continue;
            }
            if (commands[i].letter == 'r') reset_until = clocks + RESET_CLOCKS;
            if (commands[i].letter == 'g') glitch_until = clocks + GLITCH_BITS * bit_clocks;
            last_move = clocks;
            commands.erase(commands.begin() + i);
        }
        if (clocks >= next_bit) {
            if (bits_left) {
                sending = sending >> 1 | 0x200;
                bits_left--;
                next_bit = clocks + bit_clocks;
            }
            if (!bits_left && input_next < input_size) {
                sending = input[input_next++] << 1 | 0x200;
                bits_left = BYTE_BITS;
                next_bit = clocks + bit_clocks;
                bytes_in++;
            }
            line = bits_left ? sending & 1 : true;
        }
        if (bits_left) last_move = clocks;
        board->rx = line && clocks >= glitch_until;
        board->rst = clocks < reset_until;
        clock();

        if (board->rst) {
            in_byte = false;
        } else if (!in_byte) {
            if (!board->tx) {
                in_byte = true;
                bits_seen = 0;
                next_sample = clocks + bit_clocks / 2;
            }
        } else if (clocks >= next_sample) {
            receiving = receiving >> 1 | (board->tx ? 0x200 : 0);
            next_sample = clocks + bit_clocks;
            if (++bits_seen == BYTE_BITS) {
                // Without a stop bit it is no byte.
                if (receiving & 0x200) output.push_back(receiving >> 1 & 0xff);
                in_byte = false;
            }
        }
        if (in_byte) last_move = clocks;
    }
    board->final();
    std::printf("%llu\n", (unsigned long long)clocks);
    return 0;
}
