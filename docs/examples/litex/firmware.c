// Dot products of the unit, compared with those of the golden model. It prints PASS or FAIL on the serial port.
#include <generated/csr.h>
#include <stdint.h>

#include "vectors.h"

#define SHOWN 5  // Mismatches that are printed.

__attribute__((naked, section(".start"))) void start(void) {
  __asm__("la sp, stack_top\n j main");
}

static void print_character(char c) {
  while (uart_txfull_read()) {
  }
  uart_rxtx_write(c);
}

static void print(const char *text) {
  while (*text) print_character(*text++);
}

static void print_hex(uint32_t value, int digits) {
  for (int shift = 4 * digits - 4; shift >= 0; shift -= 4) print_character("0123456789abcdef"[value >> shift & 15]);
}

static void print_number(uint32_t value) {
  static const uint32_t powers[] = {10000, 1000, 100, 10, 1};
  int started = 0;
  for (int i = 0; i < 5; i++) {
    char digit = '0';
    for (; value >= powers[i]; value -= powers[i]) digit++;
    if (started |= digit > '0' || i == 4) print_character(digit);
  }
}

// Send one beat: its fields go into their registers, a word at a time, the most significant word first.
static void send(const uint32_t *beat) {
  while (!(unit_ready_read() & 1)) {
  }
  for (int i = 0; i < FIELD_WORDS; i++) csr_write_simple(beat[i], field_address[i]);
  unit_send_write(1);
}

int main(void) {
  const uint32_t *beat = &beats[0][0];
  int wrong = 0;
  for (int dot = 0; dot < DOTS; dot++) {
    for (int i = 0; i < beats_of_dot[dot]; i++, beat += FIELD_WORDS) send(beat);
    while (!(unit_ready_read() & 2)) {
    }
    uint32_t data = unit_data_read(), status = unit_status_read();
    unit_take_write(1);
    if (data != expected[dot][0] || status != expected[dot][1]) {
      if (wrong++ < SHOWN) {
        print("dot product ");
        print_number(dot);
        print(": ");
        print_hex(data, 8);
        print(", flags ");
        print_hex(status, 2);
        print(", not ");
        print_hex(expected[dot][0], 8);
        print(", ");
        print_hex(expected[dot][1], 2);
        print("\n");
      }
    }
  }
  print(wrong ? "FAIL: " : "PASS: ");
  print_number(wrong ? wrong : DOTS);
  print(wrong ? " dot products are wrong\n" : " dot products\n");
  verdict_code_write(wrong ? 3 : 1);
  // A loop without accesses to data would fetch without a pause, and the bus would never come to the write.
  for (;;) verdict_code_read();
}
