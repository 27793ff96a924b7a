use super::*;
use restora_image::ErrorKind;

/// A pickle of protocol 2 written by hand.
#[derive(Default)]
struct Script(Vec<u8>);

impl Script {
    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
    fn text(self, text: &str) -> Self {
        self.raw(b"X").raw(&(text.len() as u32).to_le_bytes()).raw(text.as_bytes())
    }
    fn int(self, value: i64) -> Self {
        self.raw(b"\x8a\x08").raw(&value.to_le_bytes())
    }
    fn ints(self, values: &[i64]) -> Self {
        values.iter().fold(self.raw(b"("), |s, &v| s.int(v)).raw(b"t")
    }
    /// `name: tensor` for an open dict.
    fn tensor(self, name: &str, offset: i64, shape: &[i64], strides: &[i64]) -> Self {
        self.text(name)
            .raw(b"ctorch._utils\n_rebuild_tensor_v2\n((")
            .text("storage")
            .raw(b"ctorch\nFloatStorage\n")
            .text("0")
            .text("cpu")
            .int(8)
            .raw(b"tQ")
            .int(offset)
            .ints(shape)
            .ints(strides)
            .raw(b"tR")
    }
}

fn dict() -> Script {
    Script::default().raw(b"\x80\x02}(")
}

/// Reads a state dict whose storage `0` holds 0, 1, .. 7.
fn run(script: &Script) -> Result<Tensors, NnError> {
    let pickle = pickle::read(&script.0)?;
    let storage: Vec<u8> = (0..8).flat_map(|i| (i as f32).to_le_bytes()).collect();
    collect(&pickle, 100, |key| Ok((key == "0").then_some(storage.as_slice())))
}

#[track_caller]
fn refused(script: &Script, kind: ErrorKind, part: &str) {
    let error = run(script).unwrap_err();
    assert!(error.kind() == kind && error.to_string().contains(part), "{error}");
}

#[test]
fn windows_that_leave_their_storage_are_refused() {
    let one = |offset, shape: &[i64], strides: &[i64]| {
        dict().tensor("a", offset, shape, strides).raw(b"u.")
    };
    assert_eq!(run(&one(2, &[2, 3], &[3, 1])).unwrap()["a"].data(), [2., 3., 4., 5., 6., 7.]);
    assert_eq!(run(&one(1, &[2], &[0])).unwrap()["a"].data(), [1., 1.]);
    refused(&one(3, &[2, 3], &[3, 1]), ErrorKind::Corrupt, "leave a storage of 8");
    refused(&one(0, &[2], &[8]), ErrorKind::Corrupt, "leave a storage of 8");
    refused(&one(0, &[2], &[i64::MAX]), ErrorKind::Corrupt, "leave");
    refused(&one(i64::MAX, &[2], &[1]), ErrorKind::Corrupt, "leave");
    refused(&one(0, &[9], &[0]), ErrorKind::Corrupt, "shape [9] in a storage of 8");
    refused(&one(0, &[i64::MAX, i64::MAX], &[1, 1]), ErrorKind::Corrupt, "in a storage of 8");
    refused(&one(-1, &[2], &[1]), ErrorKind::Corrupt, "a size of -1");
    refused(&one(0, &[2, 2], &[1]), ErrorKind::Corrupt, "with strides");
    refused(&one(0, &[1; 9], &[1; 9]), ErrorKind::Limit, "9 axes");
}

#[test]
fn tensors_that_multiply_the_file_or_share_a_name_are_refused() {
    let many = (0..26).fold(dict(), |s, i| s.tensor(&format!("t{i}"), 0, &[8], &[1]));
    refused(&many.raw(b"u."), ErrorKind::Corrupt, "multiply");
    let twice = dict().tensor("a", 0, &[1], &[1]).tensor("a", 1, &[1], &[1]);
    refused(&twice.raw(b"u."), ErrorKind::Corrupt, "`a` is there twice");
}

#[test]
fn every_way_to_call_something_is_refused_by_its_name() {
    let named = |script: Script, name: &str| refused(&script, ErrorKind::Unsupported, name);
    let exec = || dict().text("a").raw(b"c__builtin__\nexec\n");
    named(exec().text("x").raw(b"\x85Ru."), "`__builtin__.exec`");
    named(exec().raw(b")\x81u."), "`__builtin__.exec`");
    named(exec().raw(b")}\x92u."), "`__builtin__.exec`");
    named(dict().text("a").raw(b"(cos\nsystem\no"), "`os.system`");
    named(dict().text("a").raw(b"(ios\nsystem\n"), "`os.system`");
    named(exec().raw(b"}b"), "__setstate__");
    named(dict().text("a").raw(b"\x82\x01"), "opcode `\\x82`");
    named(dict().text("a").text("os").text("system").raw(b"\x93)R"), "`os.system`");
    let storage = |kind: &str| {
        let kind = format!("c{kind}\n");
        dict().text("a").raw(b"(").text("storage").raw(kind.as_bytes())
    };
    let end = |s: Script| s.text("0").text("cpu").int(8).raw(b"tQu.");
    named(end(storage("torch\nQInt8Storage")), "`torch.QInt8Storage`");
    // A name that is only mentioned, as `torch.float32` may be, harms nobody.
    let mentioned = dict().text("dtype").raw(b"ctorch\nfloat32\n").tensor("a", 0, &[1], &[1]);
    assert_eq!(run(&mentioned.raw(b"u.")).unwrap().len(), 1);
}

#[test]
fn broken_pickles_say_where() {
    for (bytes, part) in [
        (&b"\x80\x02."[..], "byte 3: the stack is empty"),
        (b"\x80\x02t.", "no mark"),
        (b"\x80\x02(0", "the stack is empty"),
        (b"\x80\x02}(Nu.", "a key without a value"),
        (b"\x80\x02h\x05", "no memo 5"),
        (b"\x80\x02X\xff\xff\xff\xffab", "wanted 4294967295 bytes, 2 are left"),
        (b"\x80\x02cos", "an endless line"),
        (b"\x80\x02NNa.", "no list"),
        (b"\x80\x02NQ.", "no storage"),
        (b"\x80\x02ccollections\nOrderedDict\n]N\x85a\x85R.", "wants pairs"),
        (b"\x80\x02ccollections\nOrderedDict\nN\x85R.", "wants pairs"),
        (b"\x80\x02", "wanted 1 bytes"),
    ] {
        let error = pickle::read(bytes).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains(part), "{part}: {error}");
    }
    let error = pickle::read(b"\x80\x01N.").err().map(|e| e.kind());
    assert_eq!(error, Some(ErrorKind::Unsupported));
}

#[test]
fn files_that_grow_in_memory_are_stopped() {
    let bomb = Script::default().raw(b"\x80\x02(").raw(&vec![b'N'; (1 << 20) + 1]).raw(b"t.");
    assert_eq!(pickle::read(&bomb.0).err().map(|e| e.kind()), Some(ErrorKind::Limit));
    // One list of 1000 pairs, copied over and over.
    let pairs = (0..1000).fold(Script::default().raw(b"\x80\x02]("), |s, _| s.raw(b"NN\x86"));
    let copies = (0..2000)
        .fold(pairs.raw(b"eq\x000"), |s, _| s.raw(b"ccollections\nOrderedDict\nh\x00\x85R0"));
    let error = pickle::read(&copies.raw(b"N.").0).err().map(|e| e.to_string());
    assert!(error.is_some_and(|e| e.contains("copied")));
    // A value that holds itself is read, not followed.
    assert!(run(&Script::default().raw(b"\x80\x02}q\x00(").text("model").raw(b"h\x00u.")).is_err());
}

#[test]
fn without_tensors_the_error_lists_what_is_there() {
    let other = dict().text("weights").raw(b"}").text("epoch").int(3).raw(b"u.");
    refused(&other, ErrorKind::Unsupported, "it has `weights`, `epoch`");
    refused(&Script::default().raw(b"\x80\x02N."), ErrorKind::Unsupported, "no dict");
}

#[test]
fn averaged_weights_are_taken_before_the_last_ones() {
    let nested =
        |s: Script, name: &str, at| s.text(name).raw(b"}(").tensor("a", at, &[1], &[1]).raw(b"u");
    let both = nested(nested(dict(), "params", 1), "params_ema", 5);
    assert_eq!(run(&both.raw(b"u.")).unwrap()["a"].data(), [5.0]);
}
