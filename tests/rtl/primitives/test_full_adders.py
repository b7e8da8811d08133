"""Full adders against a truth table."""

from itertools import product

from amaranth.sim import Simulator

from mxmac.primitives.full_adders import FullAdders


def test_each_bit_is_a_full_adder_of_its_own():
    cases = list(product((0, 1), repeat=3))
    dut = FullAdders(len(cases))

    async def testbench(ctx):
        for shift in range(len(cases)):
            # Every bit sees every case, beside all the others.
            columns = cases[shift:] + cases[:shift]
            for name, bits in zip("xyz", zip(*columns, strict=True), strict=True):
                ctx.set(getattr(dut, name), sum(bit << index for index, bit in enumerate(bits)))
            await ctx.delay(1e-9)
            for index, bits in enumerate(columns):
                assert (ctx.get(dut.sum) >> index & 1) + 2 * (ctx.get(dut.carry) >> index & 1) == sum(bits)

    simulator = Simulator(dut)
    simulator.add_testbench(testbench)
    simulator.run()
