"""Bytes of an element and of a matrix product, from the sizes of the formats."""

from dataclasses import dataclass

from mxmac.formats import ELEMENT_FORMATS, MX_BLOCK, RESULT_FORMATS, SCALE_WIDTH
from mxmac_sim.campaigns.claims.sources import Fields
from mxmac_sim.tensors import deepseek

__all__ = ["PRODUCTS", "Product", "Stored", "measured", "stored_formats"]


@dataclass(frozen=True)
class Product:
    """A matrix product A · Bᵀ, of A with shape (M, K) and B with shape (N, K)."""

    name: str
    m: int
    k: int
    n: int


#: Hidden size 7,168 and an expert's 2,048 are those of DeepSeek-V3.
PRODUCTS = (Product("one token", 1, 7168, 2048), Product("a prompt of 4,096 tokens", 4096, 7168, 2048))
#: Bytes of a result, which is BF16 beside all operands.
_RESULT = 2


@dataclass(frozen=True)
class Stored:
    """A way to store matrices: bits of an element, shapes of the blocks of A and B that share a scale, and bits of a scale."""

    name: str
    bits: int
    block_a: tuple[int, int] | None = None
    block_b: tuple[int, int] | None = None
    scale_bits: int = SCALE_WIDTH

    def size(self, rows: int, k: int, block: tuple[int, int] | None) -> float:
        """Return the bytes of a matrix of shape (rows, K)."""
        scales = 0 if block is None else -(-rows // block[0]) * -(-k // block[1])
        return (rows * k * self.bits + scales * self.scale_bits) / 8

    def traffic(self, product: Product) -> float:
        """Return the bytes of a product that reads each operand once and writes each result once."""
        operands = self.size(product.m, product.k, self.block_a) + self.size(product.n, product.k, self.block_b)
        return operands + product.m * product.n * _RESULT


def stored_formats() -> list[Stored]:
    """Return float formats, all MX formats, and DeepSeek's blocks, those of E4M3 with FP32 scales too."""
    found = [Stored(fmt.name, fmt.width) for fmt in RESULT_FORMATS.values()]
    block = (1, MX_BLOCK)
    found += [Stored(f"{fmt.name}, blocks of {MX_BLOCK}", fmt.width, block, block) for fmt in ELEMENT_FORMATS.values()]
    width, rows, k = ELEMENT_FORMATS["E4M3"].width, deepseek.TILE_ROWS, deepseek.BLOCK
    deepseek_blocks = f"E4M3, DeepSeek's 1×{k} and {rows}×{k}"
    return [
        *found,
        Stored(f"E4M3, blocks of {MX_BLOCK}, scales in FP32", width, block, block, RESULT_FORMATS["FP32"].width),
        Stored(deepseek_blocks, width, (1, k), (rows, k)),
        Stored(f"{deepseek_blocks}, scales in FP32", width, (1, k), (rows, k), RESULT_FORMATS["FP32"].width),
    ]


def measured() -> list[Fields]:
    """Return, for each way to store matrices, bytes of an element of A and B, and the bytes of each product."""
    largest = PRODUCTS[-1]
    rows = []
    for stored in stored_formats():
        elements = [
            stored.size(rows_of, largest.k, block) / (rows_of * largest.k)
            for rows_of, block in ((largest.m, stored.block_a), (largest.n, stored.block_b))
        ]
        traffic = {product.name: stored.traffic(product) for product in PRODUCTS}
        rows.append({"name": stored.name, "bytes_per_element": elements, "traffic": traffic})
    return rows
