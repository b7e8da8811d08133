"""Names of top modules: identifiers of both Verilog and VHDL, so that either language can instantiate the unit."""

import re

from ..errors import UserError

__all__ = ["VERILOG_SUFFIXES", "check_top_name", "module_name"]

#: Suffixes of Verilog files.
VERILOG_SUFFIXES = (".v", ".sv")

#: Basic identifier of VHDL (IEEE 1076-2008, 15.4.2), which is also one of Verilog.
_IDENTIFIER = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*", re.ASCII)

#: Keywords of Verilog-2005 and SystemVerilog (IEEE 1364-2005 and IEEE 1800-2017, annex B): most tools read one as the other.
_VERILOG_KEYWORDS = frozenset(
    """always and assign automatic begin buf bufif0 bufif1 case casex casez cell cmos config deassign default
    defparam design disable edge else end endcase endconfig endfunction endgenerate endmodule endprimitive
    endspecify endtable endtask event for force forever fork function generate genvar highz0 highz1 if ifnone
    incdir include initial inout input instance integer join large liblist library localparam macromodule
    medium module nand negedge nmos nor noshowcancelled not notif0 notif1 or output parameter pmos posedge
    primitive pull0 pull1 pulldown pullup pulsestyle_ondetect pulsestyle_onevent rcmos real realtime reg
    release repeat rnmos rpmos rtran rtranif0 rtranif1 scalared showcancelled signed small specify specparam
    strong0 strong1 supply0 supply1 table task time tran tranif0 tranif1 tri tri0 tri1 triand trior trireg
    unsigned use uwire vectored wait wand weak0 weak1 while wire wor xnor xor accept_on alias always_comb
    always_ff always_latch assert assume before bind bins binsof bit break byte chandle checker class clocking
    const constraint context continue cover covergroup coverpoint cross dist do endchecker endclass
    endclocking endgroup endinterface endpackage endprogram endproperty endsequence enum eventually expect
    export extends extern final first_match foreach forkjoin global iff ignore_bins illegal_bins implements
    implies import inside int interconnect interface intersect join_any join_none let local logic longint
    matches modport nettype new nexttime null package packed priority program property protected pure rand
    randc randcase randsequence ref reject_on restrict return s_always s_eventually s_nexttime s_until
    s_until_with sequence shortint shortreal soft solve static string strong struct super sync_accept_on
    sync_reject_on tagged this throughout timeprecision timeunit type typedef union unique unique0 until
    until_with untyped var virtual void wait_order weak wildcard with within""".split()  # noqa: SIM905 - a list would take a line for each
)

#: Reserved words of VHDL-2019 (IEEE 1076-2019, 15.10) and of its predecessors, in any case.
_VHDL_KEYWORDS = frozenset(
    """abs access after alias all and architecture array assert assume assume_guarantee attribute begin block body
    buffer bus case component configuration constant context cover default disconnect downto else elsif end entity
    exit fairness file for force function generate generic group guarded if impure in inertial inout is label
    library linkage literal loop map mod nand new next nor not null of on open or others out package parameter port
    postponed private procedure process property protected pure range record register reject release rem report
    restrict restrict_guarantee return rol ror select sequence severity shared signal sla sll sra srl strong subtype
    then to transport type unaffected units until use variable view vmode vpkg vprop vunit wait when while with xnor
    xor""".split()  # noqa: SIM905 - a list would take a line for each
)


def check_top_name(top: str) -> None:
    """Check that ``top`` can name the top module.

    Raises
    ------
    UserError
        If it is not an identifier of Verilog and VHDL, or a keyword of one of them.
    """
    if not _IDENTIFIER.fullmatch(top):
        rule = "letters, digits and _, starting with a letter, without __ or a _ at the end"
        raise UserError("top", f"must be an identifier of Verilog and VHDL ({rule}), not {top!r}")
    for language, keyword in (("Verilog", top in _VERILOG_KEYWORDS), ("VHDL", top.lower() in _VHDL_KEYWORDS)):
        if keyword:
            raise UserError("top", f"must not be {top!r}, a keyword of {language}; choose another name")


def module_name(path: str) -> str:
    """Return the name of a module in Verilog, as the pass through Yosys gives it.

    Parameters
    ----------
    path : str
        Top module and instances, with dots: ``unit.mac.datapath`` gives ``unit__mac_datapath``.
    """
    top, *instances = path.split(".")
    return top + ("__" + "_".join(instances) if instances else "")
