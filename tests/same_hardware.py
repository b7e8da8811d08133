"""Proof that readable text is the hardware that Yosys wrote, module by module."""

import re

from pyosys import libyosys as ys

from mxmac.verilog import emit
from mxmac.verilog.convert import converted

__all__ = ["differences", "modules", "same", "texts_of"]


def texts_of(component):
    """The text with the expressions of Yosys, and the one made of it; both tops are called unit."""
    raw = emit._through_yosys(converted(component, "unit").text, "unit")
    return emit.tidied(raw, "unit"), emit.tidied(raw, "unit", fold=True)


def modules(text):
    return re.findall(r"^module (\w+)", text, re.M)


def differences(texts, folder):
    """Names of the modules that are not proved to be the same, each with the modules inside it as black boxes."""
    names = modules(texts[1])
    return [name for name in names if not same(name, texts, names, folder)]


def same(name, texts, names, folder):
    design = ys.Design()
    others = [other for other in names if other != name]

    def call(command):
        ys.Pass.call(design, f"tee -q -o {folder}/log {command}")

    for side, text in zip(("gold", "gate"), texts, strict=True):
        (folder / f"{side}.v").write_text(text)
        call(f"read_verilog {folder}/{side}.v")
        for other in others:
            call(f"blackbox {other}")
        for command in ("proc", "memory_collect", "memory_map", "opt_expr", "opt_clean", f"rename {name} {side}"):
            call(command)
        # Ports instead of instances: a solver takes the outputs of a black box as undefined, and so as equal to anything.
        call(f"expose -evert {side}/t:unit__*")
        call(f"design -stash {side}")
    for command in (
        *(f"design -copy-from {side} -as {side} {side}" for side in ("gold", "gate")),
        *("equiv_make gold gate equiv", "hierarchy -top equiv", "opt_clean", "equiv_struct", "equiv_simple -undef"),
        "equiv_induct -undef -seq 2",
    ):
        call(command)
    call("equiv_status")
    return " 0 are unproven" in (folder / "log").read_text()
