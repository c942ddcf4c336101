//! Read-modify-writes as functions of plain atomic loads and stores.

use wasm_encoder::{BlockType, Function, Instruction, MemArg, ValType};
use wasmparser::{MemArgTarget, Operator};

#[derive(Clone, Copy, PartialEq, Debug)]
enum Operation {
    Add,
    Sub,
    And,
    Or,
    Xor,
    Cmpxchg,
}

/// One kind of instruction. wasm2c's `xchg` is right and stays.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rmw {
    operation: Operation,
    /// The operands and the result are `i64`.
    wide: bool,
    /// How many bits of memory.
    bits: u32,
    pub memory: u32,
    offset: u64,
}

impl Rmw {
    pub fn of(operator: &Operator<'_>) -> Option<Rmw> {
        use Operation::{Add, And, Cmpxchg, Or, Sub, Xor};
        macro_rules! table {
            ($($name:ident $operation:ident $wide:literal $bits:literal;)*) => {
                match *operator {
                    $(Operator::$name { memarg } => ($operation, $wide, $bits, memarg),)*
                    _ => return None,
                }
            };
        }
        let (operation, wide, bits, memarg) = table! {
            I32AtomicRmwAdd Add false 32; I32AtomicRmw8AddU Add false 8; I32AtomicRmw16AddU Add false 16;
            I64AtomicRmwAdd Add true 64; I64AtomicRmw8AddU Add true 8; I64AtomicRmw16AddU Add true 16;
            I64AtomicRmw32AddU Add true 32;
            I32AtomicRmwSub Sub false 32; I32AtomicRmw8SubU Sub false 8; I32AtomicRmw16SubU Sub false 16;
            I64AtomicRmwSub Sub true 64; I64AtomicRmw8SubU Sub true 8; I64AtomicRmw16SubU Sub true 16;
            I64AtomicRmw32SubU Sub true 32;
            I32AtomicRmwAnd And false 32; I32AtomicRmw8AndU And false 8; I32AtomicRmw16AndU And false 16;
            I64AtomicRmwAnd And true 64; I64AtomicRmw8AndU And true 8; I64AtomicRmw16AndU And true 16;
            I64AtomicRmw32AndU And true 32;
            I32AtomicRmwOr Or false 32; I32AtomicRmw8OrU Or false 8; I32AtomicRmw16OrU Or false 16;
            I64AtomicRmwOr Or true 64; I64AtomicRmw8OrU Or true 8; I64AtomicRmw16OrU Or true 16;
            I64AtomicRmw32OrU Or true 32;
            I32AtomicRmwXor Xor false 32; I32AtomicRmw8XorU Xor false 8; I32AtomicRmw16XorU Xor false 16;
            I64AtomicRmwXor Xor true 64; I64AtomicRmw8XorU Xor true 8; I64AtomicRmw16XorU Xor true 16;
            I64AtomicRmw32XorU Xor true 32;
            I32AtomicRmwCmpxchg Cmpxchg false 32; I32AtomicRmw8CmpxchgU Cmpxchg false 8;
            I32AtomicRmw16CmpxchgU Cmpxchg false 16; I64AtomicRmwCmpxchg Cmpxchg true 64;
            I64AtomicRmw8CmpxchgU Cmpxchg true 8; I64AtomicRmw16CmpxchgU Cmpxchg true 16;
            I64AtomicRmw32CmpxchgU Cmpxchg true 32;
        };
        match memarg.target {
            MemArgTarget::Memory(memory) => {
                Some(Rmw { operation, wide, bits, memory, offset: memarg.offset })
            }
            MemArgTarget::Array(_) => None,
        }
    }

    fn ty(&self) -> ValType {
        if self.wide { ValType::I64 } else { ValType::I32 }
    }

    /// The parameters and the result of the function.
    pub fn signature(&self, is_64: bool) -> (Vec<ValType>, ValType) {
        let index = if is_64 { ValType::I64 } else { ValType::I32 };
        let operands = if self.operation == Operation::Cmpxchg { 2 } else { 1 };
        let parameters =
            std::iter::once(index).chain(std::iter::repeat_n(self.ty(), operands)).collect();
        (parameters, self.ty())
    }

    fn memarg(&self) -> MemArg {
        MemArg {
            offset: self.offset,
            align: self.bits.trailing_zeros() - 3,
            target: wasm_encoder::MemArgTarget::Memory(self.memory),
            ordering: None,
        }
    }

    fn load(&self) -> Instruction<'static> {
        let memarg = self.memarg();
        match (self.wide, self.bits) {
            (false, 8) => Instruction::I32AtomicLoad8U(memarg),
            (false, 16) => Instruction::I32AtomicLoad16U(memarg),
            (false, _) => Instruction::I32AtomicLoad(memarg),
            (true, 8) => Instruction::I64AtomicLoad8U(memarg),
            (true, 16) => Instruction::I64AtomicLoad16U(memarg),
            (true, 32) => Instruction::I64AtomicLoad32U(memarg),
            (true, _) => Instruction::I64AtomicLoad(memarg),
        }
    }

    fn store(&self) -> Instruction<'static> {
        let memarg = self.memarg();
        match (self.wide, self.bits) {
            (false, 8) => Instruction::I32AtomicStore8(memarg),
            (false, 16) => Instruction::I32AtomicStore16(memarg),
            (false, _) => Instruction::I32AtomicStore(memarg),
            (true, 8) => Instruction::I64AtomicStore8(memarg),
            (true, 16) => Instruction::I64AtomicStore16(memarg),
            (true, 32) => Instruction::I64AtomicStore32(memarg),
            (true, _) => Instruction::I64AtomicStore(memarg),
        }
    }

    fn compute(&self) -> Instruction<'static> {
        match (self.operation, self.wide) {
            (Operation::Add, false) => Instruction::I32Add,
            (Operation::Sub, false) => Instruction::I32Sub,
            (Operation::And, false) => Instruction::I32And,
            (Operation::Or, false) => Instruction::I32Or,
            (Operation::Xor, false) => Instruction::I32Xor,
            (Operation::Cmpxchg, false) => Instruction::I32Eq,
            (Operation::Add, true) => Instruction::I64Add,
            (Operation::Sub, true) => Instruction::I64Sub,
            (Operation::And, true) => Instruction::I64And,
            (Operation::Or, true) => Instruction::I64Or,
            (Operation::Xor, true) => Instruction::I64Xor,
            (Operation::Cmpxchg, true) => Instruction::I64Eq,
        }
    }

    /// `[index operand]` or `[index expected replacement]` to what was there.
    pub fn body(&self) -> Function {
        let compare = self.operation == Operation::Cmpxchg;
        let old = if compare { 3 } else { 2 };
        let mut body = Function::new([(1, self.ty())]);
        body.instruction(&Instruction::LocalGet(0)).instruction(&self.load());
        body.instruction(&Instruction::LocalSet(old));
        if compare {
            body.instruction(&Instruction::LocalGet(old)).instruction(&Instruction::LocalGet(1));
            // Only the bits that memory has are compared.
            match (self.wide, self.bits) {
                (true, 64) | (false, 32) => {}
                (true, bits) => {
                    body.instruction(&Instruction::I64Const((1 << bits) - 1))
                        .instruction(&Instruction::I64And);
                }
                (false, bits) => {
                    body.instruction(&Instruction::I32Const((1 << bits) - 1))
                        .instruction(&Instruction::I32And);
                }
            }
            body.instruction(&self.compute()).instruction(&Instruction::If(BlockType::Empty));
            body.instruction(&Instruction::LocalGet(0)).instruction(&Instruction::LocalGet(2));
            body.instruction(&self.store()).instruction(&Instruction::End);
        } else {
            body.instruction(&Instruction::LocalGet(0));
            body.instruction(&Instruction::LocalGet(old)).instruction(&Instruction::LocalGet(1));
            body.instruction(&self.compute()).instruction(&self.store());
        }
        body.instruction(&Instruction::LocalGet(old)).instruction(&Instruction::End);
        body
    }
}
