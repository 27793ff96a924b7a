//! A pickle machine that can build state dicts and nothing else.
//!
//! Values live in an arena and refer to each other by index, as shared objects do in Python: no file
//! can make it copy, recurse or grow beyond one small value per byte of the pickle. Names of
//! functions and classes are kept as names; calling one that is not listed in [`Machine::call`] is
//! refused by name.
//!
//! Reference: the opcodes of protocols 2 to 5 as documented in Python's `pickletools`.

mod cursor;
mod value;

pub(super) use value::{Id, Value, View};

use super::torch::Storage;
use crate::NnError;
use cursor::Cursor;
use std::collections::HashMap;

/// Values that one pickle may build: a state dict needs about 20 per tensor.
const MAX_VALUES: usize = 1 << 20;

/// Longest name of a function, class or storage.
pub(super) const MAX_NAME: usize = 256;

/// More axes than any layer has.
const MAX_AXES: usize = 8;

/// What a pickle holds.
pub(super) struct Pickle {
    values: Vec<Value>,
    pub(super) root: Id,
    /// Bytes up to and with the final `.`.
    pub(super) length: usize,
}

impl Pickle {
    /// The value at a place that the machine handed out.
    pub(super) fn get(&self, id: Id) -> &Value {
        &self.values[id]
    }

    /// All values that were built.
    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }
}

/// Runs the first pickle in `bytes`.
pub(super) fn read(bytes: &[u8]) -> Result<Pickle, NnError> {
    let mut machine = Machine { from: Cursor { bytes, at: 0 }, ..Machine::default() };
    let root = machine.run().map_err(|e| match e {
        NnError::Corrupt(text) => {
            NnError::Corrupt(format!("pickle, byte {}: {text}", machine.from.at))
        }
        other => other,
    })?;
    Ok(Pickle { values: machine.values, root, length: machine.from.at })
}

#[derive(Default)]
struct Machine<'a> {
    from: Cursor<'a>,
    values: Vec<Value>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<usize, Id>,
    /// Items that calls have copied.
    copied: usize,
}

fn corrupt(text: impl Into<String>) -> NnError {
    NnError::Corrupt(text.into())
}

fn refused(what: &str) -> NnError {
    NnError::Unsupported(format!(
        "refused: the file wants to call `{what}`, a state dict needs no such thing"
    ))
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Id, NnError> {
        loop {
            let [op] = self.from.take_array()?;
            match op {
                b'.' => return self.pop(),
                0x80 => self.version()?,
                0x95 => drop(self.from.take(8)?),
                b'(' => self.marks.push(self.stack.len()),
                b'0' => drop(self.pop()?),
                b'1' => drop(self.pop_mark()?),
                b'2' => {
                    let top = self.top()?;
                    self.stack.push(top);
                }
                b'N' => self.push(Value::None)?,
                0x88 | 0x89 => self.push(Value::Other)?,
                b'J' => self.int::<4>(|b| i64::from(i32::from_le_bytes(b)))?,
                b'K' => self.int::<1>(|[b]| i64::from(b))?,
                b'M' => self.int::<2>(|b| i64::from(u16::from_le_bytes(b)))?,
                0x8a => self.long::<1>()?,
                0x8b => self.long::<4>()?,
                b'G' => {
                    self.from.take(8)?;
                    self.push(Value::Other)?;
                }
                b'X' | b'T' => self.text::<4>()?,
                0x8c | b'U' => self.text::<1>()?,
                0x8d => self.text::<8>()?,
                b'B' => self.skip_bytes::<4>()?,
                b'C' => self.skip_bytes::<1>()?,
                0x8e => self.skip_bytes::<8>()?,
                b'}' => self.push(Value::Dict(Vec::new()))?,
                b']' => self.push(Value::List(Vec::new()))?,
                b')' => self.push(Value::Tuple(Vec::new()))?,
                b't' => self.gather(Value::Tuple)?,
                b'l' => self.gather(Value::List)?,
                0x85..=0x87 => {
                    let count = usize::from(op - 0x84);
                    let from = self.floor(count)?;
                    let items = self.stack.split_off(from);
                    self.push(Value::Tuple(items))?;
                }
                b'd' => {
                    let items = self.pop_mark()?;
                    let pairs = pairs(&items)?;
                    self.push(Value::Dict(pairs))?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.append(vec![item])?;
                }
                b'e' => {
                    let items = self.pop_mark()?;
                    self.append(items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.set_items(&[key, value])?;
                }
                b'u' => {
                    let items = self.pop_mark()?;
                    self.set_items(&items)?;
                }
                b'q' => self.put::<1>()?,
                b'r' => self.put::<4>()?,
                0x94 => {
                    let (place, top) = (self.memo.len(), self.top()?);
                    self.memo.insert(place, top);
                }
                b'h' => self.get::<1>()?,
                b'j' => self.get::<4>()?,
                b'c' => {
                    let name = format!("{}.{}", self.from.line()?, self.from.line()?);
                    self.push(Value::Global(name))?;
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let name = match (&self.values[module], &self.values[name]) {
                        (Value::Text(m), Value::Text(n)) if m.len().max(n.len()) <= MAX_NAME => {
                            format!("{m}.{n}")
                        }
                        _ => return Err(corrupt("a global wants two short texts")),
                    };
                    self.push(Value::Global(name))?;
                }
                b'R' => {
                    let (arguments, callee) = (self.pop()?, self.pop()?);
                    let value = self.call(callee, arguments)?;
                    self.push(value)?;
                }
                // The state of an OrderedDict is a note of versions; nothing else has one here.
                b'b' => {
                    let state = self.pop()?;
                    let target = self.top()?;
                    match (&self.values[target], &self.values[state]) {
                        (Value::Dict(_), Value::Dict(_)) => {}
                        _ => return Err(refused("__setstate__")),
                    }
                }
                b'Q' => {
                    let id = self.pop()?;
                    let storage = self.storage(id)?;
                    self.push(Value::Storage(Box::new(storage)))?;
                }
                b'i' => {
                    let name = format!("{}.{}", self.from.line()?, self.from.line()?);
                    return Err(refused(&name));
                }
                b'o' => {
                    let items = self.pop_mark()?;
                    return Err(refused(&self.name_of(items.first().copied())));
                }
                0x81 | 0x92 => {
                    let count = if op == 0x81 { 2 } else { 3 };
                    let class = self.stack[self.floor(count)?];
                    return Err(refused(&self.name_of(Some(class))));
                }
                other => {
                    let shown = other.escape_ascii();
                    return Err(NnError::Unsupported(format!(
                        "refused: the file uses the pickle opcode `{shown}`, no state dict does"
                    )));
                }
            }
        }
    }

    /// What a state dict calls. Everything else is refused.
    fn call(&mut self, callee: Id, arguments: Id) -> Result<Value, NnError> {
        let Value::Global(name) = &self.values[callee] else {
            return Err(refused("something that is no function"));
        };
        let Value::Tuple(arguments) = &self.values[arguments] else {
            return Err(corrupt(format!("`{name}` is called without a tuple")));
        };
        match (name.as_str(), arguments.as_slice()) {
            ("collections.OrderedDict", []) => Ok(Value::Dict(Vec::new())),
            ("collections.OrderedDict", &[items]) => self.ordered(items),
            ("torch._utils._rebuild_tensor", &[storage, offset, shape, strides])
            | ("torch._utils._rebuild_tensor_v2", &[storage, offset, shape, strides, ..]) => {
                let Value::Storage(storage) = &self.values[storage] else {
                    return Err(corrupt("a tensor without a storage"));
                };
                Ok(Value::Tensor(Box::new(View {
                    storage: (**storage).clone(),
                    offset: self.size(offset)?,
                    shape: self.sizes(shape)?,
                    strides: self.sizes(strides)?,
                })))
            }
            ("torch._utils._rebuild_parameter", &[tensor, ..]) => match &self.values[tensor] {
                Value::Tensor(view) => Ok(Value::Tensor(view.clone())),
                _ => Err(corrupt("a parameter without a tensor")),
            },
            ("torch.Size", &[sizes]) => {
                self.sizes(sizes)?;
                Ok(self.values[sizes].clone())
            }
            (name, _) => Err(refused(name)),
        }
    }

    /// An ordered dict from a list of pairs.
    fn ordered(&mut self, items: Id) -> Result<Value, NnError> {
        let wanted = || corrupt("an OrderedDict wants pairs");
        let Value::List(items) = &self.values[items] else { return Err(wanted()) };
        // One list can be copied many times.
        self.copied += items.len();
        if self.copied > MAX_VALUES {
            return Err(NnError::Limit(format!("pickle: more than {MAX_VALUES} values copied")));
        }
        let pair = |&item: &Id| match &self.values[item] {
            Value::List(pair) | Value::Tuple(pair) if pair.len() == 2 => Ok((pair[0], pair[1])),
            _ => Err(wanted()),
        };
        items.iter().map(pair).collect::<Result<_, _>>().map(Value::Dict)
    }

    /// `('storage', type, key, device, count)`, in old files with a view at the end.
    fn storage(&self, id: Id) -> Result<Storage, NnError> {
        let wanted = || corrupt("a persistent id that is no storage");
        let Value::Tuple(parts) = &self.values[id] else { return Err(wanted()) };
        let parts: Vec<&Value> = parts.iter().map(|&i| &self.values[i]).collect();
        match parts.as_slice() {
            [
                Value::Text(tag),
                Value::Global(kind),
                Value::Text(key),
                _,
                Value::Int(count),
                view @ ..,
            ] if tag == "storage" => {
                let mut storage = Storage::new(kind, key, *count)?;
                if let [Value::Tuple(view)] = view {
                    let &[_, offset, count] = view.as_slice() else { return Err(wanted()) };
                    storage.window = Some((self.size(offset)?, self.size(count)?));
                }
                Ok(storage)
            }
            _ => Err(wanted()),
        }
    }

    fn size(&self, id: Id) -> Result<usize, NnError> {
        match self.values[id] {
            Value::Int(n) => usize::try_from(n).map_err(|_| corrupt(format!("a size of {n}"))),
            _ => Err(corrupt("a size that is no integer")),
        }
    }

    fn sizes(&self, id: Id) -> Result<Vec<usize>, NnError> {
        match &self.values[id] {
            Value::Tuple(ids) | Value::List(ids) if ids.len() <= MAX_AXES => {
                ids.iter().map(|&i| self.size(i)).collect()
            }
            Value::Tuple(ids) | Value::List(ids) => {
                let axes = ids.len();
                Err(NnError::Limit(format!("pickle: {axes} axes, at most {MAX_AXES} are read")))
            }
            _ => Err(corrupt("sizes that are no tuple")),
        }
    }

    fn name_of(&self, id: Option<Id>) -> String {
        match id.map(|i| &self.values[i]) {
            Some(Value::Global(name)) => name.clone(),
            _ => "an unnamed class".to_owned(),
        }
    }

    fn append(&mut self, items: Vec<Id>) -> Result<(), NnError> {
        let top = self.top()?;
        match &mut self.values[top] {
            Value::List(list) => list.extend(items),
            _ => return Err(corrupt("items for something that is no list")),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[Id]) -> Result<(), NnError> {
        let (top, pairs) = (self.top()?, pairs(items)?);
        match &mut self.values[top] {
            Value::Dict(dict) => dict.extend(pairs),
            _ => return Err(corrupt("items for something that is no dict")),
        }
        Ok(())
    }

    // The stack.

    fn push(&mut self, value: Value) -> Result<(), NnError> {
        if self.values.len() == MAX_VALUES {
            return Err(NnError::Limit(format!("pickle: more than {MAX_VALUES} values")));
        }
        self.stack.push(self.values.len());
        self.values.push(value);
        Ok(())
    }

    /// The depth to which `count` items above the last mark reach.
    fn floor(&self, count: usize) -> Result<usize, NnError> {
        let mark = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(count) {
            Some(from) if from >= mark => Ok(from),
            _ => Err(corrupt("the stack is empty")),
        }
    }

    fn pop(&mut self) -> Result<Id, NnError> {
        self.floor(1)?;
        self.stack.pop().ok_or_else(|| corrupt("the stack is empty"))
    }

    fn top(&self) -> Result<Id, NnError> {
        Ok(self.stack[self.floor(1)?])
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, NnError> {
        let mark = self.marks.pop().ok_or_else(|| corrupt("no mark"))?;
        Ok(self.stack.split_off(mark))
    }

    fn gather(&mut self, make: fn(Vec<Id>) -> Value) -> Result<(), NnError> {
        let items = self.pop_mark()?;
        self.push(make(items))
    }

    fn put<const N: usize>(&mut self) -> Result<(), NnError> {
        let (place, top) = (self.from.length::<N>()?, self.top()?);
        self.memo.insert(place, top);
        Ok(())
    }

    fn get<const N: usize>(&mut self) -> Result<(), NnError> {
        let place = self.from.length::<N>()?;
        let id = self.memo.get(&place).ok_or_else(|| corrupt(format!("no memo {place}")))?;
        self.stack.push(*id);
        Ok(())
    }

    // The bytes.

    fn int<const N: usize>(&mut self, value: fn([u8; N]) -> i64) -> Result<(), NnError> {
        let bytes = self.from.take_array()?;
        self.push(Value::Int(value(bytes)))
    }

    /// A signed integer of any length: one that 8 bytes hold is kept.
    fn long<const N: usize>(&mut self) -> Result<(), NnError> {
        let length = self.from.length::<N>()?;
        let bytes = self.from.take(length)?;
        if bytes.len() > 8 {
            return self.push(Value::Other);
        }
        let negative = bytes.last().is_some_and(|b| b & 0x80 != 0);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        self.push(Value::Int(i64::from_le_bytes(wide)))
    }

    fn text<const N: usize>(&mut self) -> Result<(), NnError> {
        let length = self.from.length::<N>()?;
        let text = String::from_utf8_lossy(self.from.take(length)?).into_owned();
        self.push(Value::Text(text))
    }

    fn skip_bytes<const N: usize>(&mut self) -> Result<(), NnError> {
        let length = self.from.length::<N>()?;
        self.from.take(length)?;
        self.push(Value::Other)
    }

    fn version(&mut self) -> Result<(), NnError> {
        match self.from.take_array()? {
            [2..=5] => Ok(()),
            [other] => Err(NnError::Unsupported(format!("pickle protocol {other}, wanted 2 to 5"))),
        }
    }
}

/// Keys and values in turn.
fn pairs(items: &[Id]) -> Result<Vec<(Id, Id)>, NnError> {
    match items.as_chunks::<2>() {
        (pairs, []) => Ok(pairs.iter().map(|&[k, v]| (k, v)).collect()),
        _ => Err(corrupt("a key without a value")),
    }
}
