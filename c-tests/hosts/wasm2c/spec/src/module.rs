//! What the linker must know of a module, and the module with names that C can have.

use wasm_encoder::reencode::{self, Reencode};
use wasmparser::{
    CompositeInnerType, ExternalKind, FuncType, GlobalType, MemoryType, Operator, Parser, Payload,
    TableType, TypeRef, ValType,
};

#[derive(Clone, PartialEq)]
pub enum Extern {
    Function(FuncType),
    Global(GlobalType),
    Memory(MemoryType),
    Table(TableType),
    Tag(FuncType),
}

pub struct Import {
    pub module: String,
    pub name: String,
    pub ty: Extern,
}

pub struct Export {
    pub name: String,
    pub ty: Extern,
}

pub struct Module {
    pub imports: Vec<Import>,
    pub exports: Vec<Export>,
    /// It waits or notifies.
    pub waits: bool,
}

impl Module {
    pub fn export(&self, name: &str) -> Option<(usize, &Extern)> {
        self.exports
            .iter()
            .position(|export| export.name == name)
            .map(|index| (index, &self.exports[index].ty))
    }
}

fn from_types(types: &[Option<FuncType>], index: u32) -> Result<FuncType, String> {
    types
        .get(index as usize)
        .cloned()
        .flatten()
        .ok_or_else(|| format!("type {index} is not a function type"))
}

/// The items of each index space, imports first.
#[derive(Default)]
struct Spaces {
    functions: Vec<FuncType>,
    globals: Vec<GlobalType>,
    memories: Vec<MemoryType>,
    tables: Vec<TableType>,
    tags: Vec<FuncType>,
}

impl Spaces {
    fn import(&mut self, types: &[Option<FuncType>], ty: TypeRef) -> Result<Extern, String> {
        Ok(match ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                let ty = from_types(types, index)?;
                self.functions.push(ty.clone());
                Extern::Function(ty)
            }
            TypeRef::Global(ty) => {
                self.globals.push(ty);
                Extern::Global(ty)
            }
            TypeRef::Memory(ty) => {
                self.memories.push(ty);
                Extern::Memory(ty)
            }
            TypeRef::Table(ty) => {
                self.tables.push(ty);
                Extern::Table(ty)
            }
            TypeRef::Tag(tag) => {
                let ty = from_types(types, tag.func_type_idx)?;
                self.tags.push(ty.clone());
                Extern::Tag(ty)
            }
        })
    }

    fn export(&self, kind: ExternalKind, index: u32) -> Option<Extern> {
        let index = index as usize;
        match kind {
            ExternalKind::Func | ExternalKind::FuncExact => {
                self.functions.get(index).cloned().map(Extern::Function)
            }
            ExternalKind::Global => self.globals.get(index).copied().map(Extern::Global),
            ExternalKind::Memory => self.memories.get(index).copied().map(Extern::Memory),
            ExternalKind::Table => self.tables.get(index).copied().map(Extern::Table),
            ExternalKind::Tag => self.tags.get(index).cloned().map(Extern::Tag),
        }
    }
}

pub fn read(bytes: &[u8]) -> Result<Module, String> {
    let mut module = Module { imports: Vec::new(), exports: Vec::new(), waits: false };
    let mut types = Vec::new();
    let mut spaces = Spaces::default();
    let text = |error: wasmparser::Error| error.to_string();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(text)? {
            Payload::TypeSection(section) => {
                for group in section {
                    for ty in group.map_err(text)?.into_types() {
                        types.push(match ty.composite_type.inner {
                            CompositeInnerType::Func(ty) => Some(ty),
                            _ => None,
                        });
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.map_err(text)?;
                    let ty = spaces.import(&types, import.ty)?;
                    module.imports.push(Import {
                        module: import.module.into(),
                        name: import.name.into(),
                        ty,
                    });
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    spaces.functions.push(from_types(&types, ty.map_err(text)?)?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    spaces.globals.push(global.map_err(text)?.ty);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    spaces.memories.push(memory.map_err(text)?);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    spaces.tables.push(table.map_err(text)?.ty);
                }
            }
            Payload::TagSection(section) => {
                for tag in section {
                    spaces.tags.push(from_types(&types, tag.map_err(text)?.func_type_idx)?);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.map_err(text)?;
                    let ty =
                        spaces.export(export.kind, export.index).ok_or("an export of nothing")?;
                    module.exports.push(Export { name: export.name.into(), ty });
                }
            }
            Payload::CodeSectionEntry(body) => {
                for operator in body.get_operators_reader().map_err(text)? {
                    module.waits |= matches!(
                        operator.map_err(text)?,
                        Operator::MemoryAtomicWait32 { .. }
                            | Operator::MemoryAtomicWait64 { .. }
                            | Operator::MemoryAtomicNotify { .. }
                    );
                }
            }
            _ => {}
        }
    }
    Ok(module)
}

/// Writes the module anew: exports are called e0, e1, ..., imports i0, i1, ... of `import_module`, and names inside are
/// left out.
pub fn renamed(bytes: &[u8], import_module: &str) -> Result<Vec<u8>, String> {
    struct Renamer<'a> {
        import_module: &'a str,
        imports: usize,
        exports: usize,
    }
    type Result<T> = std::result::Result<T, reencode::Error>;

    impl Reencode for Renamer<'_> {
        type Error = std::convert::Infallible;

        fn parse_import_section(
            &mut self,
            imports: &mut wasm_encoder::ImportSection,
            section: wasmparser::ImportSectionReader<'_>,
        ) -> Result<()> {
            for import in section.into_imports() {
                let ty = self.entity_type(import?.ty)?;
                imports.import(self.import_module, &format!("i{}", self.imports), ty);
                self.imports += 1;
            }
            Ok(())
        }

        fn parse_export(
            &mut self,
            exports: &mut wasm_encoder::ExportSection,
            export: wasmparser::Export<'_>,
        ) -> Result<()> {
            let kind = self.export_kind(export.kind)?;
            let index = self.external_index(export.kind, export.index)?;
            exports.export(&format!("e{}", self.exports), kind, index);
            self.exports += 1;
            Ok(())
        }

        fn parse_custom_section(
            &mut self,
            _: &mut wasm_encoder::Module,
            _: wasmparser::CustomSectionReader<'_>,
        ) -> Result<()> {
            Ok(())
        }
    }

    let mut output = wasm_encoder::Module::new();
    Renamer { import_module, imports: 0, exports: 0 }
        .parse_core_module(&mut output, Parser::new(0), bytes)
        .map_err(|error| error.to_string())?;
    Ok(output.finish())
}

/// The letter of a type in the names of members of multiple results.
pub fn letter(ty: ValType) -> Option<char> {
    match ty {
        ValType::I32 => Some('i'),
        ValType::I64 => Some('j'),
        ValType::F32 => Some('f'),
        ValType::F64 => Some('d'),
        ValType::V128 => Some('o'),
        ty if ty == ValType::FUNCREF => Some('r'),
        ty if ty == ValType::EXTERNREF => Some('e'),
        _ => None,
    }
}
