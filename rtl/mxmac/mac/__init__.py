"""The MAC unit: datapath, flow control and plain ports."""
