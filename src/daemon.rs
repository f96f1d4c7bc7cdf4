//! Wires everything and owns the tasks.
