"""What others do instead, to be measured beside the units: none of it is part of a unit."""
