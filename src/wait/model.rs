//! What the model checker tries.
