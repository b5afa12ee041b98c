//! The vCenter client against the simulator.
